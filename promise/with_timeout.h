// with_timeout: a promise with a limit in time. asyncio's wait_for.
//
//   with_timeout(fetch(url), absl::Seconds(5)).then(show, [](absl::Status error) { ... });   // DEADLINE_EXCEEDED
//
// Settles as the promise does, if that is in time. Otherwise it is rejected, DeadlineExceeded, and the promise is
// cancelled, unless somebody else holds it or waits for it. Its own timeout is DeadlineExceeded; a cancel from outside
// stays Cancelled; and an error of the promise, a timeout further up included, passes unchanged.
//
// A promise that has settled already is in time, whatever the limit. A limit of nothing or less still lets everything
// run that is ready now.

#ifndef VOW_PROMISE_WITH_TIMEOUT_H_
#define VOW_PROMISE_WITH_TIMEOUT_H_

#include <utility>

#include "absl/time/time.h"
#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "loop/source_location.h"
#include "loop/timer.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"
#include "promise/promise.h"

namespace vow {

namespace promise_internal {

absl::Status timed_out(absl::Duration limit, SourceLocation where);

template <class T>
class WithTimeout final : public TypedState<T>, public Pooled<WithTimeout<T>> {
 public:
  // Takes over the caller's reference to `source`.
  WithTimeout(State& source, absl::Duration limit, SourceLocation where)
      : TypedState<T>(source, where), limit_(limit), alarm_(*this) {
    source.attach(*this);
    EventLoop::current_or_null()->arm_after(alarm_, limit);
  }

 private:
  class Alarm final : public Timer {
   public:
    explicit Alarm(WithTimeout& owner) : owner_(owner) {}

   private:
    void run() noexcept override { owner_.timeout(); }
    void drop() noexcept override {}  // The owner is dropped as a job.

    WithTimeout& owner_;
  };

  void run() noexcept override {
    EventLoop::disarm(alarm_);
    this->adopt(this->take_source());
    this->remove_reference();
  }

  void timeout() {
    {
      Withdrawal withdrawal(*this, not_needed("timed out"));
      State& source = this->take_source();
      source.detach(*this);
      this->reject(timed_out(limit_, this->where()));
      withdrawal.let_go(source);
      withdrawal.stop();
    }
    this->remove_reference();
  }

  void stop(Withdrawal& withdrawal) noexcept override {
    EventLoop::disarm(alarm_);
    this->stop_waiting(withdrawal);
  }
  void drop() noexcept override {
    EventLoop::disarm(alarm_);
    State::drop();
  }
  void destroy() noexcept override { this->destroy_block(this); }

  absl::Duration limit_;
  Alarm alarm_;
};

}  // namespace promise_internal

template <class T>
Promise<T> with_timeout(Promise<T> promise, absl::Duration limit, SourceLocation where = SourceLocation::current()) {
  promise_internal::State& source = promise_internal::Access::use(promise, "with_timeout", where);
  auto* state = new promise_internal::WithTimeout<T>(source, limit, where);
  promise_internal::Access::give_away(std::move(promise));
  return promise_internal::Access::make<T>(state);
}

}  // namespace vow

#endif  // VOW_PROMISE_WITH_TIMEOUT_H_
