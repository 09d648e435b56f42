// Process: another program, its input and outputs as streams, and its end as a promise.
//
//   Promise<> count_lines(std::string text) {
//     absl::StatusOr<Process> wc = Process::start({"wc", "-l"}, {.in = Process::kPipe, .out = Process::kPipe});
//     if (!wc.ok()) co_await wc.status();
//     co_await wc->in().write(text);
//     co_await wc->in().shutdown();
//     std::cout << co_await wc->out().read_all();
//     const ExitStatus status = co_await wc->exit();
//     std::cout << status.to_string() << "\n";            // "exit code 0"
//   }
//
// To read nothing from a pipe until the program has ended may wait for ever: it waits for room in the pipe.

#ifndef VOW_PROMISE_PROCESS_H_
#define VOW_PROMISE_PROCESS_H_

#include <signal.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loop/source_location.h"
#include "promise/promise.h"
#include "promise/stream.h"

namespace vow {

namespace promise_internal {
class Child;
}

// How a program has ended: by itself, with a code, or by a signal.
struct ExitStatus {
  int code = 0;    // Meaningful if there was no signal.
  int signal = 0;  // 0: none.

  bool ok() const { return code == 0 && signal == 0; }
  std::string to_string() const;  // "exit code 1", "killed by SIGTERM"
};

class Process {
 public:
  // What becomes of an input or output of the program: ours; a pipe, with a stream at this end; /dev/null; or, for the
  // error output, wherever its output goes.
  enum Io { kInherit, kPipe, kNull, kSameAsOut };

  struct Options {
    Io in = kInherit;
    Io out = kInherit;
    Io err = kInherit;
    std::optional<std::vector<std::string>> environment = std::nullopt;  // "NAME=value" each. Otherwise ours.
    std::string directory = "";                                          // To start in. Otherwise ours.
  };

  // Starts the program argv[0], looked for in PATH, with these arguments. It gets no file descriptors but 0, 1 and 2, no
  // blocked signals, and SIGPIPE as usual. An error if it cannot be started: NotFound if there is no such program.
  static absl::StatusOr<Process> start(std::vector<std::string> argv, const Options& options,
                                       SourceLocation where = SourceLocation::current());
  static absl::StatusOr<Process> start(std::vector<std::string> argv,
                                       SourceLocation where = SourceLocation::current()) {
    return start(std::move(argv), Options(), where);
  }
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  // Kills the program, by SIGKILL, if it has not ended. It leaves no zombie.
  ~Process();

  pid_t pid() const;

  // The streams of what is a pipe; others are closed ones.
  Stream& in() { return in_; }
  Stream& out() { return out_; }
  Stream& err() { return err_; }

  // When it has ended: how. May be asked again. To cancel it is to stop waiting. NotFound if somebody else in this
  // process has taken its status (by waitpid(-1), say).
  Promise<ExitStatus> exit(SourceLocation where = SourceLocation::current()) const;

  // Sends it a signal. NotFound if it has ended.
  absl::Status kill(int signo = SIGTERM);

 private:
  explicit Process(std::shared_ptr<promise_internal::Child> child);
  std::shared_ptr<promise_internal::Child> child_;
  Stream in_, out_, err_;
};

}  // namespace vow

#endif  // VOW_PROMISE_PROCESS_H_
