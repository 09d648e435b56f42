#include "promise/yield.h"

#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "promise/internal/withdrawal.h"

namespace vow {
namespace {

// Cancelled, it stays in the queue of the loop until its turn, as a call_soon does.
class Yield final : public promise_internal::TypedState<void>, public Pooled<Yield> {
 public:
  explicit Yield(SourceLocation where) : TypedState(where) { add_reference(); }  // For the queue.

 private:
  void run() noexcept override {
    if (is_pending()) fulfill();
    remove_reference();
  }
  void drop() noexcept override {
    if (is_pending()) reject_closed();
    remove_reference();
  }
  void stop(promise_internal::Withdrawal& withdrawal) noexcept override { be_cancelled(withdrawal.reason()); }
  void destroy() noexcept override { delete this; }
};

}  // namespace

Promise<> yield(SourceLocation where) {
  auto* state = new Yield(where);
  EventLoop::current(where).call_soon(*state);
  return promise_internal::Access::make<void>(state);
}

}  // namespace vow
