// Event: a flag that many can wait for.
//
//   Event ready;
//   ready.wait().then([] { ... });   // or: co_await ready.wait();
//   ready.set();                     // all of them go on

#ifndef VOW_PROMISE_EVENT_H_
#define VOW_PROMISE_EVENT_H_

#include "loop/source_location.h"
#include "promise/internal/wait_queue.h"
#include "promise/promise.h"

namespace vow {

// Belongs to the thread of those who wait for it. Neither copied nor moved.
class Event {
 public:
  explicit Event(SourceLocation where = SourceLocation::current()) : where_(where) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  // Who still waits is rejected, Aborted.
  ~Event() { waiters_.abandon("Event", where_); }

  // Fulfills all who wait, in the order of asking, also if it is cleared right after.
  void set(SourceLocation where = SourceLocation::current()) {
    is_set_ = true;
    while (is_set_ && !waiters_.empty()) waiters_.fulfill_next("set", where);
  }
  // From here on one has to wait again.
  void clear() { is_set_ = false; }
  bool is_set() const { return is_set_; }

  // Fulfilled when it is set, or if it is.
  Promise<> wait(SourceLocation where = SourceLocation::current()) {
    return is_set_ ? resolve(where) : waiters_.wait(where);
  }

 private:
  bool is_set_ = false;
  SourceLocation where_;
  promise_internal::WaitQueue<void> waiters_;
};

}  // namespace vow

#endif  // VOW_PROMISE_EVENT_H_
