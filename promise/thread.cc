#include "promise/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "absl/status/status.h"

namespace vow::promise_internal {

// The threads of the process. They live, asleep for the most part, until the process ends; so does this.
class ThreadPool {
 public:
  static ThreadPool& get() {
    static const int prepared = pthread_atfork([] { pool_mutex_.lock(); }, [] { pool_mutex_.unlock(); },
                                               [] {
                                                 pool_ = nullptr;  // The child has none of its threads.
                                                 pool_mutex_.unlock();
                                               });
    static_cast<void>(prepared);
    std::lock_guard lock(pool_mutex_);
    if (pool_ == nullptr) pool_ = new ThreadPool;
    return *pool_;
  }

  absl::Status enqueue(ThreadTask& task) {
    std::unique_lock lock(mutex_);
    if (idle_ <= queued_ && threads_ < most_threads_) {
      if (const int error = start_thread(); error == 0) {
        ++threads_;
      } else if (threads_ == 0) {
        task.poster.reset();
        return absl::ResourceExhaustedError("to_thread: the system has no thread");
      }
    }
    task.next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = &task;
    last_ = &task;
    ++queued_;
    lock.unlock();
    wake_.notify_one();
    return absl::OkStatus();
  }

  bool withdraw(ThreadTask& task) {
    std::lock_guard lock(mutex_);
    if (task.stage != ThreadTask::Stage::kQueued) return false;
    ThreadTask* before = nullptr;
    for (ThreadTask* one = first_; one != &task; one = one->next) before = one;
    (before == nullptr ? first_ : before->next) = task.next;
    if (last_ == &task) last_ = before;
    --queued_;
    task.poster.reset();
    return true;
  }

  void wait(ThreadTask& task) {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return task.stage == ThreadTask::Stage::kDone; });
  }

 private:
  ThreadPool() = default;

  int start_thread() {
    // Signals are for the threads of loops.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    const int error = pthread_create(
        &thread, nullptr,
        [](void* self) -> void* {
          static_cast<ThreadPool*>(self)->work();
          return nullptr;
        },
        this);
    if (error == 0) pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return error;
  }

  [[noreturn]] void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      wake_.wait(lock, [&] { return first_ != nullptr; });
      --idle_;
      ThreadTask& task = *first_;
      first_ = task.next;
      if (first_ == nullptr) last_ = nullptr;
      --queued_;
      task.stage = ThreadTask::Stage::kRunning;
      lock.unlock();
      task.call();
      report_done(task);
      lock.lock();
    }
  }

  void report_done(ThreadTask& task) {
    const Poster poster = *std::move(task.poster);
    {
      std::lock_guard lock(mutex_);
      task.stage = ThreadTask::Stage::kDone;
    }
    // From here on a loop that closes may destroy the task; but then nothing can be posted to it.
    done_.notify_all();
    poster.post([&task] { task.finish(); });
  }

  static std::mutex pool_mutex_;
  static ThreadPool* pool_;

  const unsigned most_threads_ = std::min(32u, std::thread::hardware_concurrency() + 4);
  std::mutex mutex_;
  std::condition_variable wake_;  // There is a task.
  std::condition_variable done_;
  ThreadTask* first_ = nullptr;
  ThreadTask* last_ = nullptr;
  unsigned queued_ = 0;
  unsigned idle_ = 0;
  unsigned threads_ = 0;
};

constinit std::mutex ThreadPool::pool_mutex_;
constinit ThreadPool* ThreadPool::pool_ = nullptr;

absl::Status ThreadTask::enqueue() { return ThreadPool::get().enqueue(*this); }
bool ThreadTask::withdraw() { return ThreadPool::get().withdraw(*this); }
void ThreadTask::wait() { ThreadPool::get().wait(*this); }

}  // namespace vow::promise_internal
