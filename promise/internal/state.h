// What a promise is made of. Internal: the header to read is promise/promise.h.
//
//             fulfill(value)
//   Pending ─────────────────▶ Fulfilled
//     │  │
//     │  └─ follow(inner) ─▶ Following ── inner settles ──▶ Fulfilled or Rejected
//     └─ reject(error), cancel(reason) ──▶ Rejected        (Following may be cancelled, too)
//
//   Pending    its reactions wait. It may itself wait for another state, its `source`, as its reaction
//   Following  as Pending, but bound to what it was resolved with, which is its source now
//   Fulfilled  holds the value
//   Rejected   holds the error
//
// A state is a job: the reaction of its source. To wait is to stand in the source's list of reactions; to settle is to
// move one's own list of reactions to the end of the loop's queue of microtasks, as a whole. So neither allocates, and
// nothing ever runs inside of the call that settles.
//
// OWNERSHIP. A state is kept by its references: one for each handle (Promise, Deferred), one for each reaction that
// waits for it or is about to run, and one of its own for as long as it stands in a list or queue as a job. A state
// never owns its reactions: each keeps itself, until it has run or was dropped. So a chain is kept alive from its
// pending end, whether or not anybody holds its promises, and is freed link by link as it settles, whatever its length.

#ifndef VOW_PROMISE_INTERNAL_STATE_H_
#define VOW_PROMISE_INTERNAL_STATE_H_

#include <cstdint>
#include <new>
#include <utility>

#include "absl/status/status.h"
#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "loop/job.h"
#include "loop/source_location.h"
#include "promise/internal/result_of.h"

namespace vow::promise_internal {

class CancelHook;
template <class T>
class TypedState;

// From a promise to its state and back.
struct Access {
  template <class T>
  static TypedState<T>* give_away(Promise<T> promise) {
    return std::exchange(promise.state_, nullptr);
  }
  template <class T>
  static TypedState<T>* look(const Promise<T>& promise) {
    return promise.state_;
  }
  // For a `call` made at `where`: ends the program if the promise was moved from, or does not belong to this thread's
  // loop.
  template <class T>
  static TypedState<T>& use(const Promise<T>& promise, const char* call, SourceLocation where) {
    TypedState<T>& state = promise.look(call, where);
    state.check_usable(call, where);
    return state;
  }
  // Takes over the caller's reference.
  template <class T>
  static Promise<T> make(TypedState<T>* state) {
    return Promise<T>(state);
  }
};

// The part that does not depend on the type of the value.
class State : public Job {
 public:
  class Producer;
  class Unhandled;
  class Withdrawal;

  bool is_pending() const { return phase_ == Phase::kPending; }
  bool is_fulfilled() const { return phase_ == Phase::kFulfilled; }
  bool is_rejected() const { return phase_ >= Phase::kRejected; }
  bool is_following() const { return follow_queued_ || follow_attached_; }

  // Where the promise was made.
  SourceLocation where() const { return where_; }
  SourceLocation made_at() const final { return where_; }
  BlockReport block_report() const { return {"promise", is_pending(), where_}; }

  // Of a rejected state. `take` leaves nothing behind if the caller's reference is the only one.
  const absl::Status& error() const { return slot_.error; }
  absl::Status take_error() { return is_unshared() ? std::move(slot_.error) : slot_.error; }

  void add_reference() { ++references_; }
  void remove_reference() {
    if (--references_ == 0) destroy();
  }
  bool is_unshared() const { return references_ == 1; }

  // Runs the reaction in a microtask: once this state is settled, or else the next one. The reaction must hold a
  // reference to this state until then.
  void attach(Job& reaction) {
    if (is_pending()) {
      reactions_.push(reaction);
    } else {
      if (is_rejected()) [[unlikely]]
        handle();
      EventLoop::current_or_null()->queue_microtask(reaction);
    }
  }

  // Takes back a reaction that was attached and has not run.
  void detach(Job& reaction);

  // OK, the error, or Unavailable while pending. Who asks has seen the error.
  absl::Status status();

  // Somebody has seen the error, or will.
  void handle() {
    handled_ = true;
    if (watched_) [[unlikely]]
      forget_rejection();
  }

  // Only while pending. An OK error is itself an error: Internal.
  void reject(absl::Status error) { reject(std::move(error), Phase::kRejected); }
  void reject_with_current_exception();

  // Rejects a pending state, and asks its producer to stop; false if it has settled, or if the loop is closed.
  bool cancel(absl::Status reason, SourceLocation where);

  // Whether this is `other`, or waits for it, over however many others (see the .cc).
  bool waits_for(const State* other) const;

  // Somebody has seen the value, or has been told of it: it is not to be taken back when the state is let go of.
  void mark_seen() { clearable_ = false; }

  // Neither settled, nor bound to follow another state.
  bool is_unresolved() const { return is_pending() && !is_following(); }

  // Whether the loop is this thread's, and not closed.
  bool is_loop_current() const { return loop_id_ == EventLoop::current_id(); }

  // Ends the program if `call`, which the user made at `where`, comes from another thread than the loop's, or if that
  // is closed.
  void check_usable(const char* call, SourceLocation where) const {
    if (!is_loop_current()) [[unlikely]]
      misused(call, where);
  }
  // The same for what may be done when the loop is closed. Then the reactions will never run, and are dropped here.
  void check_thread(const char* call, SourceLocation where) {
    if (!is_loop_current()) [[unlikely]]
      leave_loop(call, where);
  }

 protected:
  // Comes with the reference of the handle that it is made for; and more, if so many are asked for.
  explicit State(SourceLocation where, std::uint32_t references = 1)
      : references_(references), loop_id_(EventLoop::current_id()), reactions_(), where_(where) {
    if (loop_id_ == 0) [[unlikely]]
      made_without_loop(where);
    slot_.source = nullptr;
  }
  // Comes also with the reference of its own, for it is to be attached to `source`. Takes over the caller's reference
  // to that.
  State(State& source, SourceLocation where) : references_(2), loop_id_(source.loop_id_), reactions_(), where_(where) {
    slot_.source = &source;
  }
  ~State() {
    if (is_rejected()) slot_.error.~Status();
  }

  virtual void destroy() noexcept = 0;

  // For a pending state that is to give up: takes it out of where it waits, rejects it with the withdrawal's reason,
  // and lets go of what it waited for. Runs nothing of the user's.
  virtual void stop(Withdrawal& withdrawal) noexcept = 0;
  // Destroys the callbacks.
  virtual void clear() noexcept {}
  // The same after it was stopped: or sees to it that they are destroyed when a coroutine that one of them has started,
  // and which may use what they capture, has ended.
  virtual void clear_stopped() noexcept { clear(); }
  // If this is a coroutine's and that has not ended: runs `job` when it has.
  virtual bool run_when_ended(Job&) noexcept { return false; }
  // For states that may follow, see skip_unseen: the count, and whether nothing of this one is needed while it follows.
  virtual std::uint64_t* skipped() noexcept { return nullptr; }
  virtual bool may_be_skipped() const noexcept { return false; }

  enum class Phase : std::uint8_t {
    kPending,
    kFulfilled,
    kRejected,
    kCancelled,  // Rejected, by a cancel.
    kBroken,     // Rejected, because its Deferred was dropped.
  };

  // After the value or error was stored: lets the reactions run. It is the loop that settles a state, by a job or a
  // timer, or a caller who has passed check_thread; so if there are reactions, this thread's loop is theirs.
  void settle(Phase phase) {
    phase_ = phase;
    if (!reactions_.empty()) EventLoop::current_or_null()->queue_microtasks(std::move(reactions_));
  }

  // Binds this state to the outcome of `inner`, of which the caller's reference is taken over. As ECMAScript does it
  // (NewPromiseResolveThenableJob): one microtask to attach to `inner`, and another when that is settled. The caller
  // must have provided the reference of its own that a state needs as a job; if this is not following afterwards, it is
  // still the caller's.
  void follow(State& inner);

  // Whether this would never settle if it waited for `inner`, because that waits for this; and the error for it.
  bool would_close_cycle(const State& inner) const { return !reactions_.empty() && inner.waits_for(this); }
  bool may_be_awaited_by(const State& inner) const {
    return &inner == this || (!reactions_.empty() && inner.slot_.source != nullptr);
  }
  absl::Status cycle() const;

  // `run` while following. True when the time has come to take over the outcome of the source.
  bool follow_step(std::uint64_t& skipped) {
    if (follow_queued_) {
      follow_queued_ = false;
      follow_attached_ = true;
      if (State& inner = *slot_.source; inner.is_pending()) {
        attach_to_pending(inner);
      } else {
        inner.attach(*this);
      }
      return false;
    }
    if (skipped > 0 && wait_for_skipped(skipped)) return false;
    follow_attached_ = false;
    return true;
  }

  // Of a state whose turn has come: what it waited for; the reference is now the caller's. Until it settles it can tell
  // by is_running that it is in no queue.
  State& take_source() { return *std::exchange(slot_.source, nullptr); }
  void put_source_back(State& source) { slot_.source = &source; }
  State& source() const { return *slot_.source; }
  void forget_source() { slot_.source = nullptr; }
  bool is_running() const { return slot_.source == nullptr; }

  // For a promise that has a better place to be known by than the one where it was made.
  void set_where(SourceLocation where) { where_ = where; }

  // For `stop`: rejects. Nobody waits for this state: what reactions there were, the withdrawal holds.
  void be_cancelled(const absl::Status& reason) {
    new (&slot_.error) absl::Status(reason);
    phase_ = Phase::kCancelled;
  }
  // What `stop` has to do for a state that waits for a source.
  void stop_waiting(Withdrawal& withdrawal);
  // The same, but the source goes on.
  void stop_alone(Withdrawal& withdrawal);
  // Whether the callbacks of `self` are needed still by what one of them has returned, `inner`, which has been let go of;
  // null if there is none. Then `self` has another reference, and `job` is run when they are not. Takes over the caller's
  // reference to `inner`.
  static bool is_needed_by(State* inner, State& self, Job& job) {
    if (inner == nullptr) return false;
    const bool is_needed = inner->run_when_ended(job);
    if (is_needed) self.add_reference();
    inner->remove_reference();
    return is_needed;
  }
  // Has `clear_stopped` called after `stop`.
  void mark_clearable() { clearable_ = true; }

  // The loop closes, so what this state waits for will never come.
  void reject_closed();
  void drop() noexcept override;

  // Destroys the block by `destroy_block`: later, if this comes from the destructor of another state's value, and that
  // again, many times.
  template <class Destroy>
  void destroy_in_turn(Destroy&& destroy_block) {
    if (!begin_to_destroy()) return;
    destroy_block();
    destroy_waiting();
  }

  union Slot {
    Slot() {}
    ~Slot() {}
    State* source;           // Pending: what this state waits for, if anything. Owned, in the sense of a reference.
    CancelHook* hook;        // Pending, and the Deferred has asked to hear of a cancel. Owned.
    absl::Status error;      // Rejected.
    unsigned char value[8];  // Fulfilled: the value, if it fits; else it lives in TypedState.
  } slot_;

 private:
  void watch_rejection();
  void forget_rejection();
  // One reference is the producer's: the state's own as a job, a timer's, a Deferred's; a state that follows may have
  // its Deferred's besides.
  bool is_unwanted() const { return references_ == 1 || (references_ == 2 && has_deferred_ && is_following()); }
  void reject(absl::Status error, Phase phase);
  void attach_to_pending(State& inner);
  State* only_follower();
  void skip_unseen();
  bool wait_for_skipped(std::uint64_t& skipped);
  bool begin_to_destroy();
  static void destroy_waiting();

  void leave_loop(const char* call, SourceLocation where);
  [[noreturn]] void misused(const char* call, SourceLocation where) const;
  [[noreturn]] static void made_without_loop(SourceLocation where);

  std::uint32_t references_;
  std::uint16_t loop_id_;
  Phase phase_ = Phase::kPending;
  bool follow_queued_ : 1 = false;    // Following, and not yet attached to the inner state.
  bool follow_attached_ : 1 = false;  // Following, and attached.
  bool has_follower_ : 1 = false;     // If it has one reaction, that is a state which follows this one.
  bool handled_ : 1 = false;          // Somebody has seen the error, or will.
  bool watched_ : 1 = false;          // In the list of rejections that nobody has handled.
  bool clearable_ : 1 = false;        // Was stopped while it had callbacks.
  bool has_deferred_ : 1 = false;     // A Deferred has a reference.
  bool has_hook_ : 1 = false;         // The slot holds a hook.
  union {
    JobQueue reactions_;  // Empty unless pending, or under withdrawal.
    State* next_;         // In a list of states that are to stop, or to be destroyed: they have no reactions.
  };
  SourceLocation where_;
};

using Withdrawal = State::Withdrawal;

// Ends of the program.
[[noreturn]] void misused(const char* call, const char* type, std::uint16_t loop_id, SourceLocation where);
[[noreturn]] void moved_from(const char* call, const char* type, SourceLocation where);
[[noreturn]] void handed_out_before(SourceLocation where);
[[noreturn]] void no_value(State& state, SourceLocation where);

// What a callback threw, as an error: a Status as itself, std::bad_alloc as ResourceExhausted, other exceptions as
// Unknown with their type and what(). To be called from where it was caught.
absl::Status status_of_current_exception();

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_STATE_H_
