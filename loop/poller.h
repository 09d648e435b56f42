// The one seam between a loop and the world: what time it is, which file descriptors are ready, and waiting.
//
// A loop gets its clock and its sleep from here and from nowhere else, so whoever supplies the poller owns time. Times
// are nanoseconds since the poller was made.

#ifndef VOW_LOOP_POLLER_H_
#define VOW_LOOP_POLLER_H_

#include <cstdint>
#include <memory>
#include <span>

#include "absl/time/time.h"

namespace vow::loop_internal {

// A file descriptor is ready.
struct FdEvent {
  std::uint64_t key;   // Under which the poller was told of it.
  std::uint8_t ready;  // FdWatch's constants.
};

class Poller {
 public:
  static constexpr std::int64_t kForever = -1;

  virtual ~Poller() = default;

  // What calendars showed at time 0.
  virtual absl::Time origin() const = 0;

  // Never goes back.
  virtual std::int64_t now() = 0;

  // Returns when `now` has grown by `timeout`, when a descriptor is ready, after a `wake`, or for no reason. 0 only
  // looks; kForever is without end. What it gives is good until the next call.
  virtual std::span<const FdEvent> wait(std::int64_t timeout) = 0;

  // Which descriptors `wait` reports, for what (FdWatch's constants), and under which key: as epoll_ctl's ADD, MOD and
  // DEL. The kernel's errno, or 0.
  virtual int add(int fd, std::uint8_t interest, std::uint64_t key) = 0;
  virtual int change(int fd, std::uint8_t interest, std::uint64_t key) = 0;
  virtual int forget(int fd) = 0;

  // Forgets all descriptors; also after `abandon`.
  virtual void begin_anew() = 0;

  // In a child process, made by fork, that shares what the kernel knows with its parent: lets go of it.
  virtual void abandon() = 0;

  // Ends the `wait` that is under way, or the next one. From any thread; all else only from the loop's.
  virtual void wake() = 0;
};

// The kernel's monotonic clock and its epoll. Ends the program if the kernel refuses the two file descriptors it needs.
std::unique_ptr<Poller> make_epoll_poller();

// Time begins on 1970-01-01 and stands still while anything runs. To wait is to set the clock ahead, at no cost; only a
// wait without end is real.
std::unique_ptr<Poller> make_virtual_poller();

}  // namespace vow::loop_internal

#endif  // VOW_LOOP_POLLER_H_
