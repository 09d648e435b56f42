// What becomes of work that is no longer wanted. Internal: users see it as Promise::cancel.
//
//   let_go ──▶ [to stop] ── stop ──▶ [to clear] ── ~Withdrawal ──▶ freed
//                  ▲           │
//                  └─ let_go ──┘ of what it waited for
//
// One state has been decided: it was cancelled, or it is a combinator that needs no more. What it waited for is stopped
// if nobody else can see it, and then lets go of what it waits for itself; so the request travels from consumer to
// producer. First all are stopped, up to the producers, which runs nothing of the user's; then, when those and the
// consumers have been queued, in this order, callbacks are destroyed, whose captures may do whatever they like. It is
// done in lists, linked through the states themselves, so that a long chain needs neither stack nor memory.

#ifndef VOW_PROMISE_INTERNAL_WITHDRAWAL_H_
#define VOW_PROMISE_INTERNAL_WITHDRAWAL_H_

#include "absl/status/status.h"
#include "loop/job.h"
#include "promise/internal/state.h"

namespace vow::promise_internal {

class State::Withdrawal {
 public:
  // Whether a coroutine that awaits an outcome as a value is asked, and may go on to clean up, or is ended like any other;
  // in the second case, when this returns from `stop`, nothing that was stopped will run again, not even a hook.
  enum class Mode : bool { kAsks, kFinal };

  explicit Withdrawal(absl::Status reason, Mode mode = Mode::kAsks);
  // Holds back the reactions of `decided`, which is pending still, or settled.
  Withdrawal(State& decided, absl::Status reason, Mode mode = Mode::kAsks);
  Withdrawal(const Withdrawal&) = delete;
  Withdrawal& operator=(const Withdrawal&) = delete;
  ~Withdrawal();

  // What those who are stopped are rejected with.
  const absl::Status& reason() const { return reason_; }
  bool is_final() const { return mode_ == Mode::kFinal; }

  // Takes over the caller's reference to a state that the caller does not need any more.
  void let_go(State& state);

  // The same, but that is to go on.
  void release(State& state);

  // Runs the hook, or the job, before any consumer hears. For State::stop.
  void tell(CancelHook& hook);
  void tell(Job& job) { told_.push(job); }

  // Stops what was let go; and `decided`, if that is pending.
  void stop();

 private:
  class List {
   public:
    void push(State& state);
    State* pop();

   private:
    State* first_ = nullptr;
    State* last_ = nullptr;
  };

  static void clear(State& state);  // And gives up a reference.

  State* decided_ = nullptr;  // Owned, in the sense of a reference.
  absl::Status reason_;
  Mode mode_;
  JobQueue told_;
  JobQueue reactions_;
  List to_stop_;
  List to_clear_;
};

// The reason for those whose work a combinator does not need any more.
absl::Status not_needed(const char* why);

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_WITHDRAWAL_H_
