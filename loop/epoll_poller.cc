// The poller of real loops: the only file that knows epoll.

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/time/clock.h"
#include "loop/fatal.h"
#include "loop/poller.h"

namespace vow::loop_internal {
namespace {

int check(int result, const char* call, SourceLocation where = SourceLocation::current()) {
  if (result < 0) fatal(std::string("cannot make an event loop: ") + call + ": " + std::strerror(errno), where);
  return result;
}

std::int64_t monotonic_nanoseconds() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

class EpollPoller final : public Poller {
 public:
  EpollPoller() {
    // Edge-triggered: each wake is an event of its own, and the counter need not be read to be rid of it.
    epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {}};
    check(epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event), "epoll_ctl");
  }

  ~EpollPoller() override {
    close(wake_);
    close(epoll_);
  }

  absl::Time origin() const override { return origin_; }
  std::int64_t now() override { return monotonic_nanoseconds() - start_; }

  void wait(std::int64_t timeout) override {
    epoll_event event;
    if (nanosecond_waits_) {
      const timespec time = {.tv_sec = timeout / 1'000'000'000, .tv_nsec = timeout % 1'000'000'000};
      if (epoll_pwait2(epoll_, &event, 1, timeout == kForever ? nullptr : &time, nullptr) >= 0 || errno != ENOSYS)
        return;
      nanosecond_waits_ = false;  // Linux before 5.11.
    }
    // Rounded up: a wait that ends early would be repeated until its time has come.
    const std::int64_t milliseconds = timeout == kForever ? -1 : timeout / 1'000'000 + (timeout % 1'000'000 != 0);
    epoll_wait(epoll_, &event, 1, static_cast<int>(std::min<std::int64_t>(milliseconds, INT_MAX)));
  }

  void wake() override {
    const std::uint64_t one = 1;
    // Can fail only when the counter is at its end; then an event is on its way as it is.
    [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof(one));
  }

 private:
  const int epoll_ = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  const int wake_ = check(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
  const std::int64_t start_ = monotonic_nanoseconds();
  const absl::Time origin_ = absl::Now();
  bool nanosecond_waits_ = true;
};

}  // namespace

std::unique_ptr<Poller> make_epoll_poller() { return std::make_unique<EpollPoller>(); }

}  // namespace vow::loop_internal
