#include "loop/signals.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace vow::loop_internal {
namespace {

// What the kernel's handler knows of a signal.
struct Slot {
  std::atomic<int> event_fd{-1};  // Of the loop that handles it.
  std::atomic<std::uint32_t> deliveries{0};
  std::atomic<int> handlers{0};  // That are running, on whatever threads.
  Signals* owner = nullptr;      // Under `mutex`, as all that follows.
  struct sigaction previous {};
};

constinit std::array<Slot, _NSIG> slots;
constinit std::mutex mutex;

void wake(int event_fd) {
  const std::uint64_t one = 1;
  // Can fail only when the counter is at its end; then the loop is awake as it is.
  [[maybe_unused]] const ssize_t written = write(event_fd, &one, sizeof(one));
}

void handle(int signal) {
  const int saved_errno = errno;
  Slot& slot = slots[signal];
  slot.handlers.fetch_add(1);
  slot.deliveries.fetch_add(1);
  if (const int fd = slot.event_fd.load(); fd >= 0) wake(fd);
  slot.handlers.fetch_sub(1);
  errno = saved_errno;
}

std::string name_of(int signal) {
#if __GLIBC_PREREQ(2, 32)
  if (const char* name = sigabbrev_np(signal); name != nullptr) return absl::StrCat("SIG", name);
#endif
  return absl::StrCat("signal ", signal);
}

absl::Status check(int signal, const char* call) {
  if (signal <= 0 || signal >= _NSIG) return absl::InvalidArgumentError(absl::StrCat(call, ": no signal ", signal));
  switch (signal) {
    case SIGKILL:
    case SIGSTOP:
      return absl::InvalidArgumentError(absl::StrCat(call, ": ", name_of(signal), " cannot be handled"));
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
      return absl::InvalidArgumentError(
          absl::StrCat(call, ": ", name_of(signal), " is a mistake in the program, which cannot wait for a loop"));
    default:
      return absl::OkStatus();
  }
}

absl::Status install(int signal, Signals& owner, int event_fd, const char* call) {
  std::lock_guard lock(mutex);
  Slot& slot = slots[signal];
  if (slot.owner != nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(call, ": ", name_of(signal), " is handled by the event loop of another thread"));
  }
  slot.deliveries = 0;
  slot.event_fd = event_fd;
  struct sigaction action {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  if (sigaction(signal, &action, &slot.previous) != 0) {
    const int error = errno;
    slot.event_fd = -1;
    return absl::ErrnoToStatus(error, absl::StrCat(call, ": ", name_of(signal)));
  }
  slot.owner = &owner;
  return absl::OkStatus();
}

void uninstall(int signal, const Signals& owner) {
  std::lock_guard lock(mutex);
  Slot& slot = slots[signal];
  if (slot.owner != &owner) return;  // After a fork.
  sigaction(signal, &slot.previous, nullptr);
  slot.event_fd = -1;
  // Another thread may be about to write to the descriptor, which is going to be closed.
  while (slot.handlers.load() != 0) std::this_thread::yield();
  slot.owner = nullptr;
}

}  // namespace

void Signals::before_fork() { mutex.lock(); }

void Signals::after_fork(bool is_child) {
  if (is_child) abandon_all();
  mutex.unlock();
}

void Signals::abandon_all() {
  for (int signal = 1; signal < _NSIG; ++signal) {
    Slot& slot = slots[signal];
    if (std::exchange(slot.owner, nullptr) == nullptr) continue;
    sigaction(signal, &slot.previous, nullptr);
    slot.event_fd = -1;
  }
}

class Signals::EventWatch final : public FdWatch {
  void run() noexcept override {}
  void drop() noexcept override {}
};

Signals::Signals(FdTable& fds, int& holds) : fds_(fds), event_(new EventWatch), holds_(holds) {}

const FdWatch* Signals::event_watch() const { return event_.get(); }

bool Signals::is_open() const { return event_->fd >= 0; }

Signals::~Signals() { close_if_unused(); }

absl::Status Signals::open(const char* call) {
  const int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event_fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat(call, ": eventfd"));
  absl::Status status = fds_.add(*event_, event_fd, FdWatch::kReadable | FdWatch::kEdge, call);
  if (!status.ok()) close(event_fd);
  return status;
}

void Signals::close_if_unused() {
  if (watches_ == 0) abandon();
}

void Signals::abandon() {
  if (!is_open()) return;
  const int event_fd = event_->fd;
  fds_.remove(*event_);
  close(event_fd);
}

absl::Status Signals::add(SignalWatch& watch, int signal, const char* call) {
  if (absl::Status status = check(signal, call); !status.ok()) return status;
  if (!is_open()) {
    if (absl::Status status = open(call); !status.ok()) return status;
  }
  SignalWatch** link = &first_[signal];
  if (*link == nullptr) {
    if (absl::Status status = install(signal, *this, event_->fd, call); !status.ok()) {
      close_if_unused();
      return status;
    }
  }
  while (*link != nullptr) link = &(*link)->next;
  *link = &watch;
  watch.next = nullptr;
  watch.signal = signal;
  ++watches_;
  if (watch.kind != Kind::kBackground) ++holds_;
  return absl::OkStatus();
}

void Signals::remove(SignalWatch& watch) {
  const int signal = std::exchange(watch.signal, 0);
  if (signal == 0) return;
  SignalWatch** link = &first_[signal];
  while (*link != &watch) link = &(*link)->next;
  *link = watch.next;
  if (std::exchange(watch.deliveries, 0) > 0) ready_.remove(watch);
  --watches_;
  if (watch.kind != Kind::kBackground) --holds_;
  if (first_[signal] != nullptr) return;
  uninstall(signal, *this);
  close_if_unused();
}

SignalWatch* Signals::find_handler(int signal) const {
  if (signal <= 0 || signal >= _NSIG) return nullptr;
  SignalWatch* watch = first_[signal];
  while (watch != nullptr && watch->kind != Kind::kHandler) watch = watch->next;
  return watch;
}

void Signals::take_deliveries() {
  std::uint64_t count;
  [[maybe_unused]] const ssize_t bytes = read(event_->fd, &count, sizeof(count));
  for (int signal = 1; signal < _NSIG; ++signal) {
    if (first_[signal] == nullptr) continue;
    const std::uint32_t deliveries = slots[signal].deliveries.exchange(0);
    if (deliveries == 0) continue;
    for (SignalWatch* watch = first_[signal]; watch != nullptr; watch = watch->next) {
      if (watch->deliveries == 0) ready_.push(*watch);
      watch->deliveries += deliveries;
    }
  }
}

SignalWatch* Signals::pop_ready() {
  auto* const watch = static_cast<SignalWatch*>(ready_.pop());
  if (watch != nullptr && --watch->deliveries > 0) ready_.push(*watch);
  return watch;
}

void Signals::leave_to_next_turn() {
  if (!ready_.empty()) wake(event_->fd);
}

SignalWatch* Signals::take_any() {
  if (watches_ == 0) return nullptr;
  int signal = 1;
  while (first_[signal] == nullptr) ++signal;
  SignalWatch& watch = *first_[signal];
  remove(watch);
  return &watch;
}

}  // namespace vow::loop_internal
