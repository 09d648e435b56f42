// Threads: blocking work that must not hold up the loop, and results that come from other threads.
//
//   to_thread([path] { return read_file(path); }).then(show);      // may block; show runs on the loop's thread
//
//   RemoteDeferred<Frame> next_frame;                               // to be given to a thread of somebody else's
//   Promise<Frame> frame = next_frame.promise();
//   camera.on_frame([next_frame = std::move(next_frame)](Frame f) mutable { next_frame.resolve(std::move(f)); });
//
// Everything else in this library is for the loop's thread only: f must not touch promises, or anything else of the
// loop's. To send a loop more than one result, see Poster (loop/event_loop.h).

#ifndef VOW_PROMISE_THREAD_H_
#define VOW_PROMISE_THREAD_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "loop/source_location.h"
#include "promise/internal/thread_task.h"
#include "promise/promise.h"

namespace vow {

// Calls f, without arguments, in a thread of a pool, and gives the promise of what it returns: a value, nothing, an
// absl::Status or an absl::StatusOr; or throws. The pool is the process's, with a thread for each call up to the number
// of processors and four (at most 32); further calls wait, first come, first served.
//
// f and what it returns are destroyed on the loop's thread. Cancelled before f has begun, f is never called. Cancelled
// later, the promise is rejected at once, but f goes on, and what it returns is dropped: nothing can stop a thread that
// blocks. For the same reason a loop that closes waits for the calls that have begun. ResourceExhausted if the system
// has no thread.
template <class F>
Promise<promise_internal::ThenValue<std::decay_t<F>, void>> to_thread(
    F&& f, SourceLocation where = SourceLocation::current()) {
  using Call = std::decay_t<F>;
  if constexpr (!promise_internal::kTakes<Call, void>) {
    static_assert(promise_internal::kNever<F>, "to_thread(f): f must be callable without arguments");
    __builtin_unreachable();
  } else if constexpr (promise_internal::kIsPromise<promise_internal::CallResult<Call, void>>) {
    static_assert(promise_internal::kNever<F>,
                  "to_thread(f): f must not return a promise, which belongs to a loop's thread");
    __builtin_unreachable();
  } else {
    auto* task = new promise_internal::ThreadCall<Call>(std::forward<F>(f), where);
    task->start();
    return promise_internal::Access::make<promise_internal::ThenValue<Call, void>>(task);
  }
}

// A Deferred for another thread. It is made on the loop's thread; the promise stays there; it itself may be moved to, used
// and dropped on any thread, by one thread at a time. Settled, or dropped (Aborted, "broken promise"), it settles the
// promise in a later turn of the loop. As long as it lives the loop counts on being woken, so `run` does not give up.
template <class T = void>
class RemoteDeferred {
 public:
  explicit RemoteDeferred(SourceLocation where = SourceLocation::current())
      : poster_(EventLoop::current(where).poster()), receiver_(new promise_internal::RemoteReceiver<T>(where)) {}
  RemoteDeferred(RemoteDeferred&& other) noexcept
      : poster_(std::move(other.poster_)), receiver_(std::exchange(other.receiver_, nullptr)) {}
  RemoteDeferred& operator=(RemoteDeferred&& other) noexcept {
    std::swap(poster_, other.poster_);
    std::swap(receiver_, other.receiver_);
    return *this;
  }
  ~RemoteDeferred() {
    if (receiver_ != nullptr) post([](promise_internal::RemoteReceiver<T>& receiver) { receiver.drop(); });
  }

  // On the loop's thread, before it is settled; once, if T has no copy.
  Promise<T> promise(SourceLocation where = SourceLocation::current()) { return receiver_->deferred().promise(where); }

  // With a value, an absl::Status or an absl::StatusOr<T>; nothing for void. False if it has been settled before, or if the
  // loop is closed: then the value is destroyed here, on this thread.
  template <class V>
  bool resolve(V&& value) {
    return post([value = std::forward<V>(value)](promise_internal::RemoteReceiver<T>& receiver) mutable {
      receiver.settle([&](Deferred<T>& deferred) { deferred.resolve(std::move(value)); });
    });
  }
  bool resolve() requires std::is_void_v<T> {
    return post([](promise_internal::RemoteReceiver<T>& receiver) {
      receiver.settle([](Deferred<T>& deferred) { deferred.resolve(); });
    });
  }
  bool reject(absl::Status error) {
    return post([error = std::move(error)](promise_internal::RemoteReceiver<T>& receiver) mutable {
      receiver.settle([&](Deferred<T>& deferred) { deferred.reject(std::move(error)); });
    });
  }

 private:
  template <class Settle>
  bool post(Settle&& settle) {
    // Only the loop's thread looks at what this points to: it is gone when the loop is closed.
    auto* const receiver = std::exchange(receiver_, nullptr);
    if (receiver == nullptr) return false;
    const Poster poster = std::move(poster_);
    return poster.post([receiver, settle = std::forward<Settle>(settle)]() mutable { settle(*receiver); });
  }

  Poster poster_;
  promise_internal::RemoteReceiver<T>* receiver_;
};

}  // namespace vow

#endif  // VOW_PROMISE_THREAD_H_
