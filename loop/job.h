// A job is something to run once, later, that carries its own place in a queue: to enqueue one allocates nothing.
//
//   class Greeting final : public vow::Job {
//     void run() noexcept override { std::cout << "hello\n"; delete this; }
//     void drop() noexcept override { delete this; }
//   };
//   loop.queue_microtask(*new Greeting);
//
// A job is in at most one queue at a time. Queues do not own jobs: `run` and `drop` do what is right for each kind, and
// whoever takes a job out of a queue calls exactly one of them.

#ifndef VOW_LOOP_JOB_H_
#define VOW_LOOP_JOB_H_

#include <cstdint>
#include <utility>

#include "loop/source_location.h"

namespace vow {

class Job {
 public:
  Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // Does the work. The job may be destroyed by it. An exception that leaves it ends the program.
  virtual void run() noexcept = 0;

  // Called instead of `run` when the loop closes first: lets go of everything, without doing the work.
  virtual void drop() noexcept = 0;

  // For reports: where the callback, or what it belongs to, was made.
  virtual SourceLocation made_at() const { return SourceLocation(); }

  class Queue;
  class Ring;  // Of timers: see loop/timer.h.

 protected:
  ~Job() = default;

 private:
  // Of a timer: when it is due. No other job is asked.
  virtual std::int64_t deadline() const noexcept { return 0; }

  // Meaningful only in a queue.
  Job* next_;      // The last one's is the first.
  Job* previous_;  // Not kept up for the first.
};

// A FIFO of jobs, one pointer wide: a ring, of which it knows the last.
//
//   last_ ──▶ [c] ──▶ [a] ──▶ [b] ──┐
//              ▲                    │      a is the first to leave
//              └────────────────────┘
class Job::Queue {
 public:
  Queue() = default;
  Queue(Queue&& other) noexcept : last_(std::exchange(other.last_, nullptr)) {}
  Queue& operator=(Queue&& other) noexcept {  // Only to an empty one: whose jobs would be lost?
    last_ = std::exchange(other.last_, nullptr);
    return *this;
  }

  bool empty() const { return last_ == nullptr; }

  void push(Job& job) {
    if (last_ == nullptr) {
      job.next_ = &job;
    } else {
      job.next_ = last_->next_;
      last_->next_ = &job;
      job.previous_ = last_;
    }
    last_ = &job;
  }

  void push_front(Job& job) {
    if (last_ == nullptr) return push(job);
    job.next_ = last_->next_;
    job.next_->previous_ = &job;
    last_->next_ = &job;
  }

  // The first to leave. Only if not empty.
  Job& front() const { return *last_->next_; }

  // Takes the first job out; null if there is none.
  Job* pop() {
    if (last_ == nullptr) return nullptr;
    Job* first = last_->next_;
    if (first == last_) {
      last_ = nullptr;
    } else {
      last_->next_ = first->next_;
    }
    return first;
  }

  // Moves all of `other`'s jobs, in their order, behind the ones that are here.
  void append(Queue&& other) {
    if (other.last_ == nullptr) return;
    if (last_ != nullptr) {
      other.last_->next_->previous_ = last_;
      std::swap(last_->next_, other.last_->next_);
    }
    last_ = std::exchange(other.last_, nullptr);
  }

  // Takes `job`, which must be in this queue, out of it.
  void remove(Job& job) {
    if (&job == last_->next_) {
      pop();
      return;
    }
    job.previous_->next_ = job.next_;
    if (&job == last_) {
      last_ = job.previous_;
    } else {
      job.next_->previous_ = job.previous_;
    }
  }

  // Puts `other`, which must be in no queue, in the place of `job`, which must be in this one.
  void replace(Job& job, Job& other) {
    const bool alone = job.next_ == &job;
    const bool first = last_->next_ == &job;
    other.next_ = alone ? &other : job.next_;
    if (!alone && &job != last_) job.next_->previous_ = &other;
    if (first) {
      if (!alone) last_->next_ = &other;
    } else {
      other.previous_ = job.previous_;
      job.previous_->next_ = &other;
    }
    if (&job == last_) last_ = &other;
  }

 private:
  Job* last_ = nullptr;
};

using JobQueue = Job::Queue;

}  // namespace vow

#endif  // VOW_LOOP_JOB_H_
