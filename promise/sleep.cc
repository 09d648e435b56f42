#include "promise/sleep.h"

#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "loop/timer.h"
#include "promise/internal/withdrawal.h"

namespace vow {
namespace {

// The promise, which as a job waits for no other promise, but for its time.
class Sleep final : public Timed<promise_internal::TypedState<void>>, public Pooled<Sleep> {
 public:
  explicit Sleep(SourceLocation where) : Timed(where) { add_reference(); }  // For the queue of timers.

 private:
  void run() noexcept override {
    fulfill();
    remove_reference();
  }
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
