#include "promise/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "loop/event_loop.h"
#include "promise/internal/owned_fd.h"
#include "promise/shield.h"

extern char** environ;

namespace vow {
namespace promise_internal {

// The program, for its Process and for the loop, which waits for its end. When both are gone it has ended.
class Child {
 public:
  explicit Child(pid_t pid, SourceLocation where) : pid_(pid), exit_(where) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (has_ended_) return;
    // The loop has closed.
    kill(SIGKILL).IgnoreError();
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
  }

  static absl::Status watch(const std::shared_ptr<Child>& child, SourceLocation where) {
    return EventLoop::current(where)
        .call_on_exit(
            child->pid_, [child](absl::StatusOr<int> status) { child->end(std::move(status)); }, where)
        .status();
  }

  absl::Status kill(int signo) {
    // Until it has been waited for, no other process can have its number.
    if (has_ended_) return absl::NotFoundError(absl::StrCat("kill: process ", pid_, " has ended"));
    if (::kill(pid_, signo) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("kill ", pid_));
    return absl::OkStatus();
  }

  pid_t pid() const { return pid_; }
  bool has_ended() const { return has_ended_; }
  const Promise<ExitStatus>& exit() const { return promise_; }

 private:
  void end(absl::StatusOr<int> status) {
    has_ended_ = true;
    if (!status.ok()) {
      exit_.reject(status.status());
    } else if (WIFSIGNALED(*status)) {
      exit_.resolve(ExitStatus{.code = 0, .signal = WTERMSIG(*status)});
    } else {
      exit_.resolve(ExitStatus{.code = WEXITSTATUS(*status), .signal = 0});
    }
  }

  const pid_t pid_;
  bool has_ended_ = false;
  Deferred<ExitStatus> exit_;
  const Promise<ExitStatus> promise_ = exit_.promise();
};

namespace {

// What posix_spawn is to do before the program begins.
class SpawnActions {
 public:
  SpawnActions() {
    posix_spawn_file_actions_init(&files_);
    posix_spawnattr_init(&attributes_);
    sigset_t none, pipe;
    sigemptyset(&none);
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &pipe);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }

  // Gives the program's descriptor `target`; `ours` becomes the other end, if it is a pipe.
  absl::Status connect(int target, Process::Io io, OwnedFd& ours) {
    switch (io) {
      case Process::kInherit:
        break;
      case Process::kNull:
        posix_spawn_file_actions_addopen(&files_, target, "/dev/null", target == 0 ? O_RDONLY : O_WRONLY, 0);
        break;
      case Process::kSameAsOut:
        posix_spawn_file_actions_adddup2(&files_, 1, target);
        break;
      case Process::kPipe: {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
        OwnedFd theirs(ends[target == 0 ? 0 : 1]);
        ours = OwnedFd(ends[target == 0 ? 1 : 0]);
        // Not one of those that are about to be replaced.
        OwnedFd& kept = theirs_[target] = OwnedFd(fcntl(theirs.get(), F_DUPFD_CLOEXEC, 3));
        if (kept.get() < 0) return absl::ErrnoToStatus(errno, "pipe");
        posix_spawn_file_actions_adddup2(&files_, kept.get(), target);
        break;
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<pid_t> spawn(const std::vector<std::string>& argv, const Process::Options& options) {
    if (!options.directory.empty()) posix_spawn_file_actions_addchdir_np(&files_, options.directory.c_str());
#if __GLIBC_PREREQ(2, 34)
    posix_spawn_file_actions_addclosefrom_np(&files_, 3);
#endif
    std::vector<char*> arguments = pointers(argv);
    std::vector<char*> environment;
    if (options.environment.has_value()) environment = pointers(*options.environment);
    pid_t pid = 0;
    const int error = posix_spawnp(&pid, argv[0].c_str(), &files_, &attributes_, arguments.data(),
                                   options.environment.has_value() ? environment.data() : environ);
    if (error != 0) return absl::ErrnoToStatus(error, absl::StrCat("start ", argv[0]));
    return pid;
  }

 private:
  static std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> pointers;
    pointers.reserve(strings.size() + 1);
    for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
    pointers.push_back(nullptr);
    return pointers;
  }

  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
  OwnedFd theirs_[3];
};

absl::Status make_stream(OwnedFd fd, Stream& stream, const std::string& name, SourceLocation where) {
  if (fd.get() < 0) return absl::OkStatus();
  absl::StatusOr<Stream> made = Stream::adopt(fd.release(), name, where);
  if (!made.ok()) return made.status();
  stream = *std::move(made);
  return absl::OkStatus();
}

}  // namespace
}  // namespace promise_internal

using promise_internal::Child;

std::string ExitStatus::to_string() const {
  if (signal == 0) return absl::StrCat("exit code ", code);
#if __GLIBC_PREREQ(2, 32)
  if (const char* name = sigabbrev_np(signal); name != nullptr) return absl::StrCat("killed by SIG", name);
#endif
  return absl::StrCat("killed by signal ", signal);
}

absl::StatusOr<Process> Process::start(std::vector<std::string> argv, const Options& options, SourceLocation where) {
  if (argv.empty()) return absl::InvalidArgumentError("start: there is no program");
  if (options.in == kSameAsOut || options.out == kSameAsOut)
    return absl::InvalidArgumentError("start: kSameAsOut is for the error output");
  promise_internal::SpawnActions actions;
  promise_internal::OwnedFd in, out, err;
  absl::Status status = actions.connect(0, options.in, in);
  status.Update(actions.connect(1, options.out, out));
  status.Update(actions.connect(2, options.err, err));
  if (!status.ok()) return absl::Status(status.code(), absl::StrCat("start ", argv[0], ": ", status.message()));
  absl::StatusOr<pid_t> pid = actions.spawn(argv, options);
  if (!pid.ok()) return pid.status();
  // From here on it is killed if anything fails.
  Process process(std::make_shared<Child>(*pid, where));
  status = Child::watch(process.child_, where);
  status.Update(promise_internal::make_stream(std::move(in), process.in_, absl::StrCat(argv[0], "'s input"), where));
  status.Update(promise_internal::make_stream(std::move(out), process.out_, absl::StrCat(argv[0], "'s output"), where));
  status.Update(
      promise_internal::make_stream(std::move(err), process.err_, absl::StrCat(argv[0], "'s error output"), where));
  if (!status.ok()) return status;
  return process;
}

Process::Process(std::shared_ptr<Child> child) : child_(std::move(child)) {}
Process::Process(Process&& other) noexcept = default;

Process& Process::operator=(Process&& other) noexcept {
  std::swap(child_, other.child_);
  std::swap(in_, other.in_);
  std::swap(out_, other.out_);
  std::swap(err_, other.err_);
  return *this;
}

Process::~Process() {
  if (child_ != nullptr && !child_->has_ended()) child_->kill(SIGKILL).IgnoreError();
}

pid_t Process::pid() const { return child_->pid(); }

Promise<ExitStatus> Process::exit(SourceLocation where) const { return shield(child_->exit(), where); }

absl::Status Process::kill(int signo) { return child_->kill(signo); }

}  // namespace vow
