// yield: lets the others have a turn. asyncio's sleep(0).
//
//   for (const Row& row : rows) {
//     add(row);
//     co_await vow::yield();   // Timers, sockets and other coroutines come in between.
//   }

#ifndef VOW_PROMISE_YIELD_H_
#define VOW_PROMISE_YIELD_H_

#include "loop/source_location.h"
#include "promise/promise.h"

namespace vow {

// Fulfilled in the next turn of the loop, in the order of asking, like a call_soon.
Promise<> yield(SourceLocation where = SourceLocation::current());

}  // namespace vow

#endif  // VOW_PROMISE_YIELD_H_
