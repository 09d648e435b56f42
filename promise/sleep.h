// Promises of time.

#ifndef VOW_PROMISE_SLEEP_H_
#define VOW_PROMISE_SLEEP_H_

#include "absl/time/time.h"
#include "loop/source_location.h"
#include "promise/promise.h"

namespace vow {

// Fulfilled when `delay` has passed by the loop's clock, or at `time`, never before. What is past (zero, a negative
// delay) is fulfilled in the next turn of the loop; InfiniteDuration and InfiniteFuture never are.
Promise<> sleep(absl::Duration delay, SourceLocation where = SourceLocation::current());
Promise<> sleep_until(absl::Time time, SourceLocation where = SourceLocation::current());

}  // namespace vow

#endif  // VOW_PROMISE_SLEEP_H_
