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

#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loop/event_loop.h"
#include "loop/signal_watch.h"
#include "loop/source_location.h"
#include "promise/promise.h"

namespace vow {

namespace promise_internal {

// Runs the loop until the state has settled. Otherwise the reason why it has not.
absl::Status run_until_settled(EventLoop& loop, State& state, SourceLocation where);

absl::Status already_has_loop();

// Waits, in the background, for SIGINT, which cancels a promise: that of a `main`. The promise is rejected at once, but what
// main has started may take its time to clean up; it has ended when the callable is destroyed, and with it a token.
class Interrupt final : private SignalWatch {
 public:
  Interrupt() : SignalWatch(Kind::kBackground) {}
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Not, if SIGINT is somebody else's.
  void wait_for_signal(EventLoop& loop);

  // For the callable, which may outlive the loop.
  struct Token {
    ~Token() {
      if (loop_to_stop != nullptr) loop_to_stop->stop();
    }
    EventLoop* loop_to_stop = nullptr;
  };
  std::shared_ptr<Token> token();

  // Whose promise is to be cancelled.
  void set_main(State& main) { main_ = &main; }

  // After a run: if it was interrupted, runs the loop until the token is gone.
  void finish(EventLoop& loop);

 private:
  void run() noexcept override;
  void drop() noexcept override {}

  State* main_ = nullptr;
  bool was_interrupted_ = false;
  std::weak_ptr<Token> token_;
};

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
//
// SIGINT (Ctrl-C) cancels what main returned: the outcome is Cancelled, after main, if it is a coroutine that awaits
// outcomes, has had the time to clean up. A second SIGINT ends the program as usual. (Not if SIGINT is ignored, or is
// handled by somebody else, when run is called.)
template <class Main>
promise_internal::Outcome<promise_internal::ThenValue<Main, void>> run(
    Main&& main, LoopOptions options = {}, SourceLocation where = SourceLocation::current()) {
  if constexpr (promise_internal::kTakes<Main, void>) {
    if (EventLoop::current_or_null() != nullptr) return promise_internal::already_has_loop();
    promise_internal::Interrupt interrupt;
    EventLoop loop(options, where);
    interrupt.wait_for_signal(loop);
    auto promise =
        attempt([&main, token = interrupt.token()]() -> decltype(auto) { return std::forward<Main>(main)(); }, where);
    interrupt.set_main(*promise_internal::Access::look(promise));
    auto outcome = run_until_complete(loop, std::move(promise), where);
    interrupt.finish(loop);
    return outcome;
  } else {
    static_assert(promise_internal::kNever<Main>, "run(main): main must be callable without arguments");
    __builtin_unreachable();
  }
}

}  // namespace vow

#endif  // VOW_PROMISE_RUN_H_
