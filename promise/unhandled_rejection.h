// What becomes of a rejection that nobody handles: by default, a line on stderr.
//
//   vow: unhandled rejection: NOT_FOUND: no such user, of the promise made at users.cc:12
//
// Each is reported once, when the queue of microtasks has run empty, as Node does it; so whoever attaches a callback
// before that, prevents it. To attach is to handle, whether or not the callback takes the error: then it is the next
// promise that is to be handled. So is asking for status(). Cancellations (absl::StatusCode::kCancelled) are not
// reported, nor is what the closing of a loop does.

#ifndef VOW_PROMISE_UNHANDLED_REJECTION_H_
#define VOW_PROMISE_UNHANDLED_REJECTION_H_

#include <functional>

#include "absl/status/status.h"
#include "loop/source_location.h"

namespace vow {

// Gets the error, and the place where the promise was made.
using UnhandledRejectionHandler = std::function<void(const absl::Status&, SourceLocation)>;

// From here on `handler` is called in place of the default, for promises of this thread, whatever their loop; an empty
// one brings the default back. What it throws is reported on stderr. Gives the handler that there was.
UnhandledRejectionHandler on_unhandled_rejection(UnhandledRejectionHandler handler);

namespace promise_internal {

// For tests, which look at a promise when it has long been rejected. From the first call on, nothing is reported on this
// thread; the second makes up for that, but for what has been handled in between.
void hold_unhandled_rejections();
void report_unhandled_rejections();

}  // namespace promise_internal

}  // namespace vow

#endif  // VOW_PROMISE_UNHANDLED_REJECTION_H_
