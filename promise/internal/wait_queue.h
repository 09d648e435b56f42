// Promises that stand in a queue until somebody answers them. Internal: see promise/semaphore.h and its neighbours.

#ifndef VOW_PROMISE_INTERNAL_WAIT_QUEUE_H_
#define VOW_PROMISE_INTERNAL_WAIT_QUEUE_H_

#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "loop/block_pool.h"
#include "loop/job.h"
#include "loop/source_location.h"
#include "promise/internal/state.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"
#include "promise/promise.h"

namespace vow::promise_internal {

// For those who wait for a `name` that was made at `where`, and is destroyed.
inline absl::Status destroyed(const char* name, SourceLocation where) {
  return error_with(absl::StatusCode::kAborted, [&] {
    return absl::StrCat("the ", name, " made at ", to_string(where), " was destroyed while others waited for it");
  });
}

template <class T>
class WaitQueue;

// One who waits. As a job, it stands in the queue, which has a reference to it.
template <class T>
class Waiter : public TypedState<T> {
 public:
  explicit Waiter(SourceLocation where) : TypedState<T>(where) {}

  void stand_in(WaitQueue<T>& queue) { queue_ = &queue; }
  // Has been answered. Who was answered, but withdrew before anybody saw the answer, gets `clear` called.
  virtual void answered() noexcept {}

 protected:
  ~Waiter() = default;
  // Was cancelled, and has left the queue.
  virtual void left() noexcept {}

 private:
  void run() noexcept override {}
  void stop(Withdrawal& withdrawal) noexcept override {
    queue_->remove(*this);
    this->be_cancelled(withdrawal.reason());
    left();
    this->remove_reference();
  }

  WaitQueue<T>* queue_ = nullptr;
};

// First come, first served. Whoever has a queue must answer all before it goes.
template <class T>
class WaitQueue {
 public:
  WaitQueue() = default;
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;

  bool empty() const { return waiters_.empty(); }
  std::size_t size() const { return size_; }

  Promise<T> wait(SourceLocation where) { return wait(*new Plain(where)); }
  // Takes over the caller's reference, for the promise.
  Promise<T> wait(Waiter<T>& waiter) {
    waiter.add_reference();
    push(waiter);
    return Access::make<T>(&waiter);
  }
  // For one that comes from another queue.
  void push(Waiter<T>& waiter) {
    waiter.stand_in(*this);
    waiters_.push(waiter);
    ++size_;
  }
  Waiter<T>& front() const { return static_cast<Waiter<T>&>(waiters_.front()); }
  // The first, to go into another queue.
  Waiter<T>& pop() {
    --size_;
    return static_cast<Waiter<T>&>(*waiters_.pop());
  }
  void remove(Waiter<T>& waiter) {
    --size_;
    waiters_.remove(waiter);
  }

  // Answers the first with a value. `call` and `where` are what the user has called to cause it.
  template <class... Arguments>
  void fulfill_next(const char* call, SourceLocation where, Arguments&&... arguments) {
    Waiter<T>& waiter = pop();
    waiter.check_thread(call, where);
    guarded([&] { waiter.fulfill(std::forward<Arguments>(arguments)...); },
            [&] { waiter.reject_with_current_exception(); });
    waiter.answered();
    waiter.remove_reference();
  }
  void reject_next(const char* call, SourceLocation where, const absl::Status& error) {
    Waiter<T>& waiter = pop();
    waiter.check_thread(call, where);
    waiter.reject(error);
    waiter.remove_reference();
  }
  // All, because what they wait for, a `name` that was made at `where`, is destroyed.
  void abandon(const char* name, SourceLocation where) {
    if (empty()) return;
    const absl::Status error = destroyed(name, where);
    while (!empty()) reject_next("destroy", where, error);
  }

 private:
  class Plain final : public Waiter<T>, public Pooled<Plain> {
   public:
    explicit Plain(SourceLocation where) : Waiter<T>(where) {}

   private:
    void destroy() noexcept override { this->destroy_block(this); }
  };

  JobQueue waiters_;
  std::size_t size_ = 0;
};

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_WAIT_QUEUE_H_
