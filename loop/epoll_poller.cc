// The poller of real loops: the only file that knows epoll.

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "loop/fatal.h"
#include "loop/fd_watch.h"
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

constexpr std::uint64_t kWakeKey = ~std::uint64_t{0};

std::uint32_t epoll_events(std::uint8_t interest) {
  std::uint32_t events = 0;
  if (interest & FdWatch::kReadable) events |= EPOLLIN;
  if (interest & FdWatch::kWritable) events |= EPOLLOUT;
  if (interest & FdWatch::kEdge) events |= EPOLLET | EPOLLRDHUP;
  return events;
}

std::uint8_t ready_of(std::uint32_t events) {
  std::uint8_t ready = 0;
  if (events & EPOLLIN) ready |= FdWatch::kReadable;
  if (events & EPOLLOUT) ready |= FdWatch::kWritable;
  if (events & EPOLLRDHUP) ready |= FdWatch::kReadable | FdWatch::kEnded;
  if (events & (EPOLLHUP | EPOLLERR)) ready |= FdWatch::kReadable | FdWatch::kWritable | FdWatch::kEnded;
  return ready;
}

class EpollPoller final : public Poller {
 public:
  EpollPoller() { watch_wake(); }
  ~EpollPoller() override { abandon(); }

  absl::Time origin() const override { return origin_; }
  std::int64_t now() override { return monotonic_nanoseconds() - start_; }

  std::span<const FdEvent> wait(std::int64_t timeout) override {
    const int count = wait_for_events(timeout);
    std::size_t ready = 0;
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events_[i];
      if (event.data.u64 != kWakeKey) ready_[ready++] = {event.data.u64, ready_of(event.events)};
    }
    return {ready_.data(), ready};
  }

  int add(int fd, std::uint8_t interest, std::uint64_t key) override { return tell(EPOLL_CTL_ADD, fd, interest, key); }
  int change(int fd, std::uint8_t interest, std::uint64_t key) override {
    return tell(EPOLL_CTL_MOD, fd, interest, key);
  }
  int forget(int fd) override { return tell(EPOLL_CTL_DEL, fd, 0, 0); }

  void begin_anew() override {
    if (epoll_ >= 0) close(epoll_);
    epoll_ = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    if (wake_ < 0) wake_ = check(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
    watch_wake();
  }

  void abandon() override {
    if (wake_ >= 0) close(std::exchange(wake_, -1));
    if (epoll_ >= 0) close(std::exchange(epoll_, -1));
  }

  void wake() override {
    const std::uint64_t one = 1;
    // Can fail only when the counter is at its end; then an event is on its way as it is.
    [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof(one));
  }

 private:
  int wait_for_events(std::int64_t timeout) {
    if (timeout > 0 && nanosecond_waits_) {
      const timespec time = {.tv_sec = timeout / 1'000'000'000, .tv_nsec = timeout % 1'000'000'000};
      const int count = epoll_pwait2(epoll_, events_.data(), kMostEvents, &time, nullptr);
      if (count >= 0 || errno != ENOSYS) return count;
      nanosecond_waits_ = false;  // Linux before 5.11.
    }
    // Rounded up: a wait that ends early would be repeated until its time has come.
    const std::int64_t milliseconds = timeout == kForever ? -1 : timeout / 1'000'000 + (timeout % 1'000'000 != 0);
    const int limit = static_cast<int>(std::min<std::int64_t>(milliseconds, INT_MAX));
    int count;
    do {
      count = epoll_wait(epoll_, events_.data(), kMostEvents, limit);
    } while (count < 0 && errno == EINTR && limit == 0);  // Who only looks is to see what is there.
    return count;
  }

  int tell(int operation, int fd, std::uint8_t interest, std::uint64_t key) {
    epoll_event event = {.events = epoll_events(interest), .data = {.u64 = key}};
    return epoll_ctl(epoll_, operation, fd, &event) == 0 ? 0 : errno;
  }

  void watch_wake() {
    // Edge-triggered: each wake is an event of its own, and the counter need not be read to be rid of it.
    epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.u64 = kWakeKey}};
    check(epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event), "epoll_ctl");
  }

  // More are reported by the next wait.
  static constexpr int kMostEvents = 256;

  int epoll_ = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  int wake_ = check(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
  const std::int64_t start_ = monotonic_nanoseconds();
  const absl::Time origin_ = absl::Now();
  bool nanosecond_waits_ = true;
  std::array<epoll_event, kMostEvents> events_;
  std::array<FdEvent, kMostEvents> ready_;
};

}  // namespace

std::unique_ptr<Poller> make_epoll_poller() { return std::make_unique<EpollPoller>(); }

}  // namespace vow::loop_internal
