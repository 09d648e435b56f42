#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "loop/call.h"
#include "loop/event_loop.h"

namespace vow::loop_internal {

absl::Status ChildWatch::open(EventLoop& loop, pid_t child) {
  child_ = child;
  // A child of ours that has ended is there until it is reaped; what is not ours is refused here.
  siginfo_t info = {};
  if (child <= 0 || waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) != 0)
    return absl::NotFoundError(absl::StrCat("call_on_exit: this process has no child ", child));
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  if (pidfd_ < 0) return absl::ErrnoToStatus(errno, absl::StrCat("call_on_exit: pidfd_open of child ", child));
  return loop.watch(*this, pidfd_, kReadable, "call_on_exit");
}

void ChildWatch::close() {
  if (fd >= 0) EventLoop::current_or_null()->unwatch(*this);
  if (pidfd_ >= 0) ::close(std::exchange(pidfd_, -1));
}

absl::StatusOr<int> ChildWatch::reap() {
  int status = 0;
  pid_t ended;
  do {
    ended = waitpid(child_, &status, WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended == child_) return status;
  if (ended == 0) return absl::UnavailableError("it runs");
  return absl::NotFoundError(
      absl::StrCat("child ", child_, " has ended, and its status was taken by somebody else in this process"));
}

}  // namespace vow::loop_internal
