// From a program into promises and back: running a loop until a promise has settled.
//
//   int main() {
//     absl::Status status = vow::run([] {
//       return vow::sleep(absl::Seconds(1)).then([] { std::puts("hello"); });
//     });
//     return status.ok() ? 0 : 1;
//   }

#ifndef VOW_PROMISE_RUN_H_
#define VOW_PROMISE_RUN_H_

#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loop/event_loop.h"
#include "loop/source_location.h"
#include "promise/promise.h"

namespace vow {

namespace promise_internal {

// Runs the loop until the state has settled. Otherwise the reason why it has not.
absl::Status run_until_settled(EventLoop& loop, State& state, SourceLocation where);

absl::Status already_has_loop();

}  // namespace promise_internal

// Runs the loop until the promise has settled, and the turn in which it did; gives its outcome, an absl::StatusOr<T>
// (for a Promise<void>, an absl::Status). If it has not settled: Aborted, when the loop was stopped before, or when
// nothing is left that could ever settle it (no callback waits, no timer, no Poster); FailedPrecondition when the loop
// runs already.
template <class T>
promise_internal::Outcome<T> run_until_complete(EventLoop& loop, Promise<T> promise,
                                                SourceLocation where = SourceLocation::current()) {
  promise_internal::TypedState<T>& state = promise_internal::Access::use(promise, "run_until_complete", where);
  absl::Status ran = promise_internal::run_until_settled(loop, state, where);
  if (!ran.ok()) return ran;
  if (state.is_rejected()) return state.take_error();
  if constexpr (std::is_void_v<T>) {
    return absl::OkStatus();
  } else {
    return state.take_value();
  }
}

// A whole program: makes a loop for this thread, calls main, runs until what it returned has settled, closes the loop,
// and gives the outcome. main may return whatever a callback may. FailedPrecondition if this thread has a loop already.
template <class Main>
promise_internal::Outcome<promise_internal::ThenValue<Main, void>> run(
    Main&& main, LoopOptions options = {}, SourceLocation where = SourceLocation::current()) {
  if constexpr (promise_internal::kTakes<Main, void>) {
    if (EventLoop::current_or_null() != nullptr) return promise_internal::already_has_loop();
    EventLoop loop(options, where);
    return run_until_complete(loop, attempt(std::forward<Main>(main), where), where);
  } else {
    static_assert(promise_internal::kNever<Main>, "run(main): main must be callable without arguments");
    __builtin_unreachable();
  }
}

}  // namespace vow

#endif  // VOW_PROMISE_RUN_H_
