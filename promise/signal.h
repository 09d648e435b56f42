// Signals, as a promise and as a stream.
//
//   signal(SIGTERM).then([&] { listener.close(); });
//
//   absl::StatusOr<SignalStream> signals = SignalStream::open({SIGHUP, SIGUSR1});
//   if (!signals.ok()) co_await signals.status();
//   while (std::optional<int> signo = co_await signals->next()) reload(*signo);
//
// While a signal is waited for it does not do what it did before (end the program, mostly); afterwards it does again. A
// signal belongs to one loop of the process at a time; within that loop everybody who waits gets it. vow::run waits for
// SIGINT in the background (promise/run.h).

#ifndef VOW_PROMISE_SIGNAL_H_
#define VOW_PROMISE_SIGNAL_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "loop/source_location.h"
#include "promise/promise.h"

namespace vow {

namespace promise_internal {
class SignalStreamState;
}

// Fulfilled when the process is sent the signal for the first time from now on. Rejected, InvalidArgument, if it is none
// that can be handled; FailedPrecondition if another thread's loop handles it. To cancel it is to stop waiting.
Promise<> signal(int signo, SourceLocation where = SourceLocation::current());

// Each delivery of the signals, from when it is opened until it is destroyed: those that come while nobody asks are kept.
// Belongs to the thread and the loop where it was opened.
class SignalStream {
 public:
  static absl::StatusOr<SignalStream> open(const std::vector<int>& signals,
                                           SourceLocation where = SourceLocation::current());
  SignalStream(SignalStream&& other) noexcept;
  SignalStream& operator=(SignalStream&& other) noexcept;
  ~SignalStream();  // Who waits for the next one is rejected, Aborted.

  // Which signal has come. There is always a next one.
  Promise<std::optional<int>> next(SourceLocation where = SourceLocation::current());

 private:
  explicit SignalStream(std::unique_ptr<promise_internal::SignalStreamState> state);
  std::unique_ptr<promise_internal::SignalStreamState> state_;
};

}  // namespace vow

#endif  // VOW_PROMISE_SIGNAL_H_
