// A file descriptor that is closed at the end, unless somebody else takes it; and what poll says of one. Internal.

#ifndef VOW_PROMISE_INTERNAL_OWNED_FD_H_
#define VOW_PROMISE_INTERNAL_OWNED_FD_H_

#include <poll.h>
#include <unistd.h>

#include <utility>

namespace vow::promise_internal {

class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OwnedFd() {
    if (fd_ >= 0) close(fd_);
  }

  int get() const { return fd_; }  // Negative if there is none.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// For any of the events, POLLIN or POLLOUT, now.
inline bool is_ready_now(int fd, short events) {
  pollfd descriptor = {.fd = fd, .events = events, .revents = 0};
  return poll(&descriptor, 1, 0) > 0;
}

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_OWNED_FD_H_
