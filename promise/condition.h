// Condition: to wait, under a Mutex, for something to become true.
//
//   Mutex::Guard guard = co_await mutex.lock();
//   while (items.empty()) guard = co_await condition.wait(std::move(guard));
//   use(items.front());
//
//   ...
//   items.push_back(item);
//   condition.notify_one();

#ifndef VOW_PROMISE_CONDITION_H_
#define VOW_PROMISE_CONDITION_H_

#include "loop/source_location.h"
#include "promise/internal/wait_queue.h"
#include "promise/mutex.h"
#include "promise/promise.h"

namespace vow {

namespace promise_internal {
class ConditionState;
}

// Belongs to the thread of those who wait for it. Neither copied nor moved.
class Condition {
 public:
  explicit Condition(SourceLocation where = SourceLocation::current());
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;
  // Who still waits to be notified is rejected, Aborted.
  ~Condition();

  // Unlocks, waits to be notified, and locks again: gives the guard back. What one waits for may have come and gone
  // meanwhile: look again. Ends the program if the guard holds nothing. Cancelled, it comes back without the lock; who had
  // been notified, and is cancelled before he could see it, passes it on to the next.
  Promise<Mutex::Guard> wait(Mutex::Guard guard, SourceLocation where = SourceLocation::current());

  // Notifies who has waited longest, or all who wait now. They get the lock one after the other. It need not be held.
  void notify_one(SourceLocation where = SourceLocation::current());
  void notify_all(SourceLocation where = SourceLocation::current());

 private:
  promise_internal::ConditionState* const state_;  // Owned, in the sense of a reference.
};

}  // namespace vow

#endif  // VOW_PROMISE_CONDITION_H_
