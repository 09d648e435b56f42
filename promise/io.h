// readable, writable: a file descriptor that becomes ready, as a promise.
//
//   readable(fd).then([fd] { return take_message(fd); });
//
// For descriptors of other libraries, which read and write by themselves. To read and write bytes here, see
// promise/stream.h.

#ifndef VOW_PROMISE_IO_H_
#define VOW_PROMISE_IO_H_

#include "loop/source_location.h"
#include "promise/promise.h"

namespace vow {

// Fulfilled in the first turn of the loop that finds the descriptor readable (there is data, the end, or an error to be
// read), or writable. Several may wait for the same descriptor: they are fulfilled together, in order. Rejected if the
// descriptor is none (FailedPrecondition), is of a kind that is always ready, as a regular file (PermissionDenied), or
// belongs to a stream. To cancel it is to stop waiting. The descriptor stays the caller's, who should not close it while
// somebody waits: then the promise may stay pending, or, when its number is given out again and watched, be rejected
// (Aborted).
Promise<> readable(int fd, SourceLocation where = SourceLocation::current());
Promise<> writable(int fd, SourceLocation where = SourceLocation::current());

}  // namespace vow

#endif  // VOW_PROMISE_IO_H_
