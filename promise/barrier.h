// Barrier: so many have to come together before any of them goes on.
//
//   Barrier barrier(3);
//
//   Promise<> work() {
//     prepare();
//     const int place = co_await barrier.wait();   // until three are there
//     if (place == 0) std::puts("all are ready");
//   }

#ifndef VOW_PROMISE_BARRIER_H_
#define VOW_PROMISE_BARRIER_H_

#include <cstddef>

#include "absl/status/status.h"
#include "loop/source_location.h"
#include "promise/internal/wait_queue.h"
#include "promise/promise.h"

namespace vow {

// Belongs to the thread of those who wait for it. Neither copied nor moved.
class Barrier {
 public:
  explicit Barrier(int parties, SourceLocation where = SourceLocation::current()) : parties_(parties), where_(where) {}
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;
  // Who still waits is rejected, Aborted.
  ~Barrier() { waiters_.abandon("Barrier", where_); }

  // Fulfilled when as many wait as the barrier is for: each with his place in the order of coming, from 0. Then it can be
  // used again. Who is cancelled leaves, and is not counted. A barrier for fewer than one rejects, InvalidArgument.
  Promise<int> wait(SourceLocation where = SourceLocation::current()) {
    if (parties_ < 1) return reject<int>(absl::InvalidArgumentError("a Barrier must be for at least one"), where);
    Promise<int> promise = waiters_.wait(where);
    if (waiters_.size() == static_cast<std::size_t>(parties_)) {
      for (int place = 0; place < parties_ && !waiters_.empty(); ++place) waiters_.fulfill_next("wait", where, place);
    }
    return promise;
  }

  // How many wait now.
  int waiting() const { return static_cast<int>(waiters_.size()); }

 private:
  const int parties_;
  SourceLocation where_;
  promise_internal::WaitQueue<int> waiters_;
};

}  // namespace vow

#endif  // VOW_PROMISE_BARRIER_H_
