// Mutex: one at a time, across awaits.
//
//   Mutex mutex;
//
//   Promise<> append(std::string line) {
//     const Mutex::Guard guard = co_await mutex.lock();
//     co_await file.write(line);     // nobody else writes meanwhile
//   }                                // unlocks
//
// Between two awaits nobody else runs, so a Mutex is needed only for what must stay together over an await. First come,
// first served. A cancelled lock leaves the queue; a lock that has been granted to somebody who was cancelled before he
// saw it goes to the next. To lock twice is to wait for oneself: it is not recursive.

#ifndef VOW_PROMISE_MUTEX_H_
#define VOW_PROMISE_MUTEX_H_

#include <optional>

#include "loop/source_location.h"
#include "promise/internal/permits.h"
#include "promise/promise.h"

namespace vow {

class Condition;

// Belongs to the thread of those who wait for it. Neither copied nor moved.
class Mutex {
 public:
  // Whoever owns this has the lock; unlocks when it is destroyed. May outlive the mutex.
  class Guard : public promise_internal::HeldPermit<Guard> {
   public:
    using HeldPermit::HeldPermit;

    // Unlocks before. Ends the program if the lock is held no more.
    void unlock(SourceLocation where = SourceLocation::current()) { give_back("unlock", "Mutex::Guard", where); }

   private:
    friend Condition;
  };

  explicit Mutex(SourceLocation where = SourceLocation::current())
      : permits_(new promise_internal::Permits<Guard>("Mutex", 1, where)) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  // Who still waits is rejected, Aborted.
  ~Mutex() { permits_->abandon(); }

  // The lock, when it is one's turn.
  Promise<Guard> lock(SourceLocation where = SourceLocation::current()) { return permits_->acquire(where); }

  // The lock, if it is free now.
  std::optional<Guard> try_lock() { return permits_->try_acquire(); }

  bool is_locked() const { return permits_->available() == 0; }

 private:
  promise_internal::Permits<Guard>* const permits_;  // Owned, in the sense of a reference.
};

}  // namespace vow

#endif  // VOW_PROMISE_MUTEX_H_
