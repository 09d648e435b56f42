#include "promise/interval.h"

#include <algorithm>

#include "absl/status/status.h"
#include "loop/event_loop.h"
#include "promise/sleep.h"

namespace vow {

Interval::Interval(absl::Duration period) : period_(period), start_(EventLoop::current().now()) {}

Promise<std::optional<std::int64_t>> Interval::next(SourceLocation where) {
  if (period_ <= absl::ZeroDuration()) {
    return reject<std::optional<std::int64_t>>(absl::InvalidArgumentError("an interval's period must be positive"),
                                               where);
  }
  absl::Duration rest;
  const std::int64_t passed = absl::IDivDuration(EventLoop::current(where).now() - start_, period_, &rest);
  given_ = std::max(given_ + 1, passed);
  return sleep_until(start_ + given_ * period_, where)
      .then([tick = given_] { return std::optional<std::int64_t>(tick); }, where);
}

}  // namespace vow
