// interval: a stream of ticks, one every so often, that does not drift.
//
//   Interval ticks = interval(absl::Seconds(1));
//   ticks.next().then([](std::optional<std::int64_t> tick) { ... });   // 1, a second later

#ifndef VOW_PROMISE_INTERVAL_H_
#define VOW_PROMISE_INTERVAL_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "loop/source_location.h"
#include "promise/promise.h"

namespace vow {

// The ticks fall on whole multiples of the period, counted from when the interval was made, however late they are asked
// for. Each is given once. Those that have passed while nobody had asked for them are left out, but for the last one:
// the numbers tell.
class Interval {
 public:
  explicit Interval(absl::Duration period);

  // The number of the next tick, when its time has come; or that of the last one that was missed, at once. Asked again
  // before: the one after that. There is always a next one, but for a period that is not positive: then the promise is
  // rejected, InvalidArgument. Cancelled, it leaves out its tick.
  Promise<std::optional<std::int64_t>> next(SourceLocation where = SourceLocation::current());

 private:
  absl::Duration period_;
  absl::Time start_;
  std::int64_t given_ = 0;
};

inline Interval interval(absl::Duration period) { return Interval(period); }

}  // namespace vow

#endif  // VOW_PROMISE_INTERVAL_H_
