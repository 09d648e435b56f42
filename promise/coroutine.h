// async/await: a function that returns a Promise may be a coroutine. JavaScript's async functions.
//
//   Promise<int> square(int x) {
//     co_await sleep(absl::Seconds(1));
//     co_return x * x;
//   }
//
//   Promise<> print_squares() {
//     const int four = co_await square(2);
//     std::cout << four << "\n";
//     auto [nine, sixteen] = co_await when_all(square(3), square(4));   // both at a time
//   }
//
// These are the same promises as everywhere: what a coroutine gives can be chained, and what a chain gives can be awaited.
// To use coroutines, include this header, in the file where they are defined.
//
// WHEN IT RUNS. At once, within the call, up to the first co_await; from there on in microtasks, one for each co_await,
// whether or not there was anything to wait for. So the order is ECMAScript's. It is never resumed from within anything
// else, so the number of awaits, and how deep coroutines await each other, need no stack. A recursion that begins call
// upon call goes on in microtasks when it has taken half of the stack. To begin in a later turn, as in asyncio: create_task
// (promise/create_task.h).
//
// WHAT CAN BE AWAITED
//
//   co_await f()                the value, as one's own: moved if nobody else can see it, else copied
//   co_await std::move(p)       the same
//   co_await p                  a const T&, to the value of p; good as long as p is
//   co_await p.settled()        the outcome as a value, an absl::StatusOr<T>, or an absl::Status for Promise<void>
//   co_await status             an absl::Status: nothing, if it is OK
//   co_await status_or          an absl::StatusOr<T>: its T
//
// ERRORS. An error ends the coroutine at its co_await: a promise that is rejected, a status that is not OK. Its locals are
// destroyed, the last one first, and then its own promise is rejected with the very same Status. To go on with an error,
// await the outcome:
//
//   absl::StatusOr<Page> page = co_await fetch(url).settled();
//   if (!page.ok()) page = co_await fetch(mirror).settled();
//
// (The await of any Promise whose value is itself an absl::Status or an absl::StatusOr gives a rejection as that value.)
// Where exceptions are enabled, one that leaves the body rejects the promise, as one that leaves a callback does.
//
// WHAT CAN BE RETURNED. From a Promise<T>: a T, an absl::Status, an absl::StatusOr<T> or a Promise<T>, which is followed.
// From a Promise<void>, C++ allows only `co_return;`, or the end: to fail, `co_await status;`.
//
// CANCELLING the promise of a coroutine (p.cancel(), a timeout, a lost race) rejects it at once, and cancels what the
// coroutine awaits, if nobody else holds that or waits for it. The coroutine ends where it is. But one that awaits an
// outcome gets Cancelled for it, and goes on: it may clean up, and may await other things for it. What it returns is
// dropped; an error that it ends with, other than Cancelled, is reported as an unhandled rejection. A coroutine that is
// cancelled while it runs, by itself say, hears of it at its next co_await.
//
// WHO OWNS WHAT. Parameters that are taken by value live in the coroutine until it has ended, and no longer. References
// must stay good until then: so a coroutine should take its parameters by value, unless its caller awaits it. The captures
// of a lambda are not part of the coroutine: it lives as long as its coroutine if it is given to `then` and its like,
// to create_task, TaskGroup::spawn, map, retry, attempt or run; but not if it is called right where it stands.
//
// MEMORY. One block for each call, promise included, from the pool; none for an await. If there is none, or a parameter
// cannot be copied, the call throws.
//
// TRAPS
// - Within one expression C++ leaves the order open: `co_await f() + co_await g()` may call both before it waits for either, and
//   `when_all(f(), g())` may call g first. What must begin first, call in a statement before.
// - To await one's own promise, or one that waits for it, is rejected, InvalidArgument.
// - A coroutine that has ended early, by an error that nobody has asked for, is reported as any rejection is. It counts as
//   made where it last awaited.
// - g++ up to 12 makes mistakes within the expression of a co_await. A braced list of promises is an internal error of the
//   compiler: say `co_await when_all(a(), b())`. A lambda whose captures have destructors, or an aggregate that has such
//   members, written there as a temporary, is destroyed twice: give it a name before.
//
//     auto work = [name] { ... };
//     co_await create_task(std::move(work));

#ifndef VOW_PROMISE_COROUTINE_H_
#define VOW_PROMISE_COROUTINE_H_

#include <coroutine>

#include "promise/internal/coroutine_state.h"
#include "promise/promise.h"

template <class T, class... Arguments>
struct std::coroutine_traits<vow::Promise<T>, Arguments...> {
  using promise_type = vow::promise_internal::CoroutineFrame<T>;
};

#endif  // VOW_PROMISE_COROUTINE_H_
