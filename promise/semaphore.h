// Semaphore: so many at a time.
//
//   Semaphore connections(10);
//
//   Promise<Page> fetch(std::string url) {
//     const Semaphore::Permit permit = co_await connections.acquire();   // waits while ten are at it
//     co_return co_await download(url);
//   }                                                                    // gives the permit back
//
// First come, first served. A cancelled acquire leaves the queue; a permit that has been granted to somebody who was
// cancelled before he saw it goes to the next.

#ifndef VOW_PROMISE_SEMAPHORE_H_
#define VOW_PROMISE_SEMAPHORE_H_

#include <optional>

#include "loop/source_location.h"
#include "promise/internal/permits.h"
#include "promise/promise.h"

namespace vow {

// Belongs to the thread of those who wait for it. Neither copied nor moved.
class Semaphore {
 public:
  // Held by whoever owns this; given back when it is destroyed. May outlive the semaphore.
  class Permit : public promise_internal::HeldPermit<Permit> {
   public:
    using HeldPermit::HeldPermit;

    // Gives it back before. Ends the program if it is held no more.
    void release(SourceLocation where = SourceLocation::current()) { give_back("release", "Semaphore::Permit", where); }
  };

  // With fewer than one, all wait for ever.
  explicit Semaphore(int permits, SourceLocation where = SourceLocation::current())
      : permits_(new promise_internal::Permits<Permit>("Semaphore", permits, where)) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  // Who still waits is rejected, Aborted.
  ~Semaphore() { permits_->abandon(); }

  // A permit, when it is one's turn.
  Promise<Permit> acquire(SourceLocation where = SourceLocation::current()) { return permits_->acquire(where); }

  // A permit if there is one now, and nobody waits for it.
  std::optional<Permit> try_acquire() { return permits_->try_acquire(); }

  // How many could be had now.
  int available() const { return permits_->available(); }

 private:
  promise_internal::Permits<Permit>* const permits_;  // Owned, in the sense of a reference.
};

}  // namespace vow

#endif  // VOW_PROMISE_SEMAPHORE_H_
