#include "promise/sleep.h"

#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "loop/timer_queue.h"
#include "promise/internal/withdrawal.h"

namespace vow {
namespace {

// The promise and its timer, in one block. It waits for no other promise, so as a job it is never queued.
class Sleep final : public promise_internal::TypedState<void>, public Timer, public Pooled<Sleep> {
 public:
  explicit Sleep(SourceLocation where) : TypedState(where) { add_reference(); }  // For the queue of timers.

 private:
  void fire() noexcept override {
    fulfill();
    remove_reference();
  }
  void run() noexcept override {}
  void drop() noexcept override {
    reject_closed();
    remove_reference();
  }
  void stop(promise_internal::Withdrawal& withdrawal) noexcept override {
    EventLoop::disarm(*this);
    be_cancelled(withdrawal.reason());
    remove_reference();
  }
  void destroy() noexcept override { delete this; }
};

}  // namespace

Promise<> sleep(absl::Duration delay, SourceLocation where) {
  auto* state = new Sleep(where);
  EventLoop::current(where).arm_after(*state, delay);
  return promise_internal::Access::make<void>(state);
}

Promise<> sleep_until(absl::Time time, SourceLocation where) {
  auto* state = new Sleep(where);
  EventLoop::current(where).arm_at(*state, time);
  return promise_internal::Access::make<void>(state);
}

}  // namespace vow
