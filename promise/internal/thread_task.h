// What to_thread gives to a thread, and gets back. Internal: the header to read is promise/thread.h.
//
//   start ──▶ queued ── a thread takes it ──▶ running ──▶ done ── posted to the loop ──▶ finish
//               │                                           ▲
//               └─ withdraw: by a cancel, or the loop's end  └─ which the loop's end waits for
//
// The promise's state and the call lie in one block, which is the loop's thread's. A thread of the pool touches nothing
// of it but the call and its result; and nothing at all once it is done.

#ifndef VOW_PROMISE_INTERNAL_THREAD_TASK_H_
#define VOW_PROMISE_INTERNAL_THREAD_TASK_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "promise/internal/result_of.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"
#include "promise/promise.h"

namespace vow::promise_internal {

class ThreadTask {
 public:
  ThreadTask() : poster(EventLoop::current_or_null()->poster()) {}
  ThreadTask(const ThreadTask&) = delete;
  ThreadTask& operator=(const ThreadTask&) = delete;

  // On the loop's thread. ResourceExhausted if there is no thread to do it, nor can there be one.
  absl::Status enqueue();
  // On the loop's thread: false if it has begun.
  bool withdraw();
  // On the loop's thread: returns when it is done.
  void wait();

  // For the pool.
  virtual void call() noexcept = 0;    // On one of its threads.
  virtual void finish() noexcept = 0;  // On the loop's thread.
  enum class Stage { kQueued, kRunning, kDone };
  std::optional<Poster> poster;  // Until it is done. Keeps the loop from giving up.
  Stage stage = Stage::kQueued;  // Under the pool's mutex, as the next.
  ThreadTask* next = nullptr;

 protected:
  ~ThreadTask() = default;
};

template <class F>
class ThreadCall final : public TypedState<ThenValue<F, void>>, private ThreadTask, public Pooled<ThreadCall<F>> {
  using T = ThenValue<F, void>;

 public:
  template <class F1>
  ThreadCall(F1&& f, SourceLocation where) : TypedState<T>(where), f_(std::forward<F1>(f)), at_close_(*this) {}

  void start() {
    if (absl::Status status = enqueue(); !status.ok()) return this->reject(std::move(status));
    this->add_reference();  // For the way through the thread.
    is_out_ = true;
    EventLoop::current_or_null()->add_at_close(at_close_);
  }

 private:
  class AtClose final : public Job {
   public:
    explicit AtClose(ThreadCall& owner) : owner_(owner) {}

   private:
    void run() noexcept override {}
    void drop() noexcept override { owner_.close_loop(); }
    ThreadCall& owner_;
  };

  void call() noexcept override {
    guarded(
        [&] {
          if constexpr (std::is_void_v<CallResult<F, void>>) {
            std::move (*f_)();
            outcome_.emplace();
          } else {
            outcome_.emplace(std::move(*f_)());
          }
        },
        [&] { outcome_.emplace(status_of_current_exception()); });
  }

  void finish() noexcept override {
    EventLoop::current_or_null()->remove_at_close(at_close_);
    is_out_ = false;
    f_.reset();
    if (this->is_pending()) this->resolve_with(*std::move(outcome_));
    outcome_.reset();
    this->remove_reference();
  }

  void close_loop() {
    if (!withdraw()) wait();
    is_out_ = false;
    f_.reset();
    outcome_.reset();
    if (this->is_pending()) this->reject_closed();
    this->remove_reference();
  }

  void run() noexcept override {}
  void drop() noexcept override {}

  void stop(Withdrawal& withdrawal) noexcept override {
    this->be_cancelled(withdrawal.reason());
    if (!withdraw()) return;  // Its thread goes on.
    EventLoop::current_or_null()->remove_at_close(at_close_);
    is_out_ = false;
    this->mark_clearable();
    this->remove_reference();
  }
  void clear() noexcept override {
    if (!is_out_) f_.reset();
  }
  void destroy() noexcept override { this->destroy_block(this); }

  std::optional<F> f_;
  std::optional<Outcome<T>> outcome_;
  AtClose at_close_;
  bool is_out_ = false;  // Under way through a thread.
};

// The end of a RemoteDeferred that stays on the loop's thread: it is the loop's, until it is settled.
template <class T>
class RemoteReceiver final : private Job {
 public:
  explicit RemoteReceiver(SourceLocation where) : deferred_(where) {
    EventLoop::current_or_null()->add_at_close(*this);
  }

  Deferred<T>& deferred() { return deferred_; }

  template <class Settle>
  void settle(Settle&& settle) {
    settle(deferred_);
    EventLoop::current_or_null()->remove_at_close(*this);
    delete this;
  }
  void drop() noexcept override {
    if (!EventLoop::current_or_null()->is_closed()) EventLoop::current_or_null()->remove_at_close(*this);
    delete this;
  }

 private:
  void run() noexcept override {}

  Deferred<T> deferred_;
};

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_THREAD_TASK_H_
