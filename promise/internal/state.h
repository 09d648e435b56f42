// What a promise is made of. Internal: the header to read is promise/promise.h.
//
//             fulfill(value)
//   Pending ─────────────────▶ Fulfilled
//     │  │
//     │  └─ follow(inner) ─▶ Following ── inner settles ──▶ Fulfilled or Rejected
//     └─ reject(error) ──────▶ Rejected
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
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "loop/job.h"
#include "loop/source_location.h"
#include "promise/internal/result_of.h"

namespace vow::promise_internal {

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
  bool is_pending() const { return phase_ == Phase::kPending; }
  bool is_fulfilled() const { return phase_ == Phase::kFulfilled; }
  bool is_rejected() const { return phase_ == Phase::kRejected; }
  bool is_following() const { return (flags_ & (kFollowQueued | kFollowAttached)) != 0; }

  // Where the promise was made.
  SourceLocation where() const { return where_; }

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
      EventLoop::current_or_null()->queue_microtask(reaction);
    }
  }

  // Takes back a reaction that waits; false if it does not wait any more.
  bool detach(Job& reaction) { return reactions_.remove(reaction); }

  // OK, the error, or Unavailable while pending.
  absl::Status status() const;

  // Only while pending. An OK error is itself an error: Internal.
  void reject(absl::Status error);
  void reject_with_current_exception();

  // For the producer's end. Neither settled, nor bound to follow another state.
  bool is_unresolved() const { return is_pending() && !is_following(); }
  // The producer is gone: rejects, if nothing has been decided.
  void break_promise() {
    if (is_unresolved()) broken_promise();
  }
  // The producer threw while it was being started: that counts for more than the promise that it broke by it.
  void producer_threw();
  // Ends the program the second time.
  void hand_out_once(SourceLocation where);

  // Ends the program if `call`, which the user made at `where`, comes from another thread than the loop's, or if that
  // is closed.
  void check_usable(const char* call, SourceLocation where) const {
    if (loop_id_ != EventLoop::current_id()) [[unlikely]]
      misused(call, where);
  }
  // The same for what may be done when the loop is closed. Then the reactions will never run, and are dropped here.
  void check_thread(const char* call, SourceLocation where) {
    if (loop_id_ != EventLoop::current_id()) [[unlikely]]
      leave_loop(call, where);
  }

 protected:
  // Comes with the reference of the handle that it is made for.
  explicit State(SourceLocation where) : loop_id_(EventLoop::current_id()), where_(where) {
    if (loop_id_ == 0) [[unlikely]]
      made_without_loop(where);
  }
  // Comes also with the reference of its own, for it is to be attached to `source`. Takes over the caller's reference
  // to that.
  State(State& source, SourceLocation where) : references_(2), loop_id_(source.loop_id_), where_(where) {
    slot_.source = &source;
  }
  ~State() {
    if (is_rejected()) slot_.error.~Status();
  }

  virtual void destroy() noexcept = 0;

  enum class Phase : std::uint8_t { kPending, kFulfilled, kRejected };

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

  // The error of a promise that was resolved with itself.
  absl::Status cycle() const;

  // `run` while following. True when the time has come to take over the outcome of `source()`.
  bool follow_step();

  State& source() const { return *slot_.source; }

  // `drop`: the loop closes, so what this state waits for will never come. `abandon` is for a state that has a source,
  // and also gives up the references that hang on that.
  void reject_closed();
  void abandon();

  union Slot {
    Slot() {}
    ~Slot() {}
    State* source;           // Pending: what this state waits for, if anything. Owned, in the sense of a reference.
    absl::Status error;      // Rejected.
    unsigned char value[8];  // Fulfilled: the value, if it fits; else it lives in TypedState.
  } slot_;

 private:
  void broken_promise();
  void leave_loop(const char* call, SourceLocation where);
  [[noreturn]] void misused(const char* call, SourceLocation where) const;
  [[noreturn]] static void made_without_loop(SourceLocation where);

  static constexpr std::uint8_t kFollowQueued = 1;    // Following, and not yet attached to the inner state.
  static constexpr std::uint8_t kFollowAttached = 2;  // Following, and attached.
  static constexpr std::uint8_t kBroken = 4;          // Rejected because its Deferred was dropped.
  static constexpr std::uint8_t kHandedOut = 8;       // Its Deferred has given out the one promise that there may be.

  std::uint32_t references_ = 1;
  std::uint16_t loop_id_;
  Phase phase_ = Phase::kPending;
  std::uint8_t flags_ = 0;
  JobQueue reactions_;  // Empty unless pending.
  SourceLocation where_;
};

// Ends of the program.
[[noreturn]] void moved_from(const char* call, const char* type, SourceLocation where);
[[noreturn]] void no_value(const State& state, SourceLocation where);

// What a callback threw, as an error: a Status as itself, std::bad_alloc as ResourceExhausted, other exceptions as
// Unknown with their type and what(). To be called from where it was caught.
absl::Status status_of_current_exception();

// Calls f; if it throws, on_exception.
template <class F, class OnException>
void guarded(F&& f, [[maybe_unused]] OnException&& on_exception) {
#ifdef __cpp_exceptions
  try {
    f();
  } catch (...) {
    on_exception();
  }
#else
  f();
#endif
}

// With the value, of type T or none.
template <class T>
class TypedState : public State {
 public:
  using Value = Stored<T>;

  // Of a fulfilled state. `take` moves the value if the caller's reference is the only one, and copies it otherwise.
  Value& value() { return *std::launder(reinterpret_cast<Value*>(value_memory())); }
  Value take_value() {
    if constexpr (kIsCopyable<Value>) {
      if (!is_unshared()) return value();
    }
    return std::move(value());
  }

  // Only while pending, as all that follows.
  template <class... Arguments>
  void fulfill(Arguments&&... arguments) {
    new (value_memory()) Value(std::forward<Arguments>(arguments)...);
    settle(Phase::kFulfilled);
  }

  // With whatever a callback may return: a value, an error, either of them, or a promise to follow (`follow` tells what
  // must be seen to then).
  template <class R>
  void resolve_with(R&& result) {
    using Plain = std::remove_cvref_t<R>;
    if constexpr (kIsPromise<Plain>) {
      State* inner = Access::give_away(Promise<T>(std::forward<R>(result)));
      if (inner == nullptr) [[unlikely]]
        moved_from("resolve", "Promise", this->where());
      this->follow(*inner);
    } else if constexpr (kIsStatus<Plain>) {
      if (std::is_void_v<T> && result.ok()) {
        if constexpr (std::is_void_v<T>) fulfill();
      } else {
        reject(std::forward<R>(result));
      }
    } else if constexpr (kIsStatusOr<Plain>) {
      if (result.ok()) {
        fulfill(*std::forward<R>(result));
      } else {
        reject(std::forward<R>(result).status());
      }
    } else {
      fulfill(std::forward<R>(result));
    }
  }

 protected:
  using State::State;
  ~TypedState() {
    if (is_fulfilled()) value().~Value();
  }

  // Takes over the outcome of the source that this state follows, or passes through.
  void adopt(State& source) {
    auto& typed_source = static_cast<TypedState&>(source);
    if (source.is_fulfilled()) {
      guarded([&] { fulfill(typed_source.take_value()); }, [&] { reject_with_current_exception(); });
    } else {
      reject(source.take_error());
    }
    source.remove_reference();
  }

 private:
  static constexpr bool kFitsSlot = sizeof(Value) <= sizeof(Slot) && alignof(Value) <= alignof(Slot);
  struct Nothing {};
  struct Room {
    alignas(Value) unsigned char bytes[sizeof(Value)];
  };

  void* value_memory() {
    if constexpr (kFitsSlot) {
      return slot_.value;
    } else {
      return room_.bytes;
    }
  }

  [[no_unique_address]] std::conditional_t<kFitsSlot, Nothing, Room> room_;
};

// The state behind a Deferred, and of promises that are made settled.
template <class T>
class PlainState final : public TypedState<T>, public Pooled<PlainState<T>> {
 public:
  explicit PlainState(SourceLocation where) : TypedState<T>(where) {}

  // Settles by what `call` returns, or throws.
  template <class Call>
  void resolve_from(Call&& call) {
    using Result = decltype(call());
    if constexpr (kIsPromise<std::remove_cvref_t<Result>>) this->add_reference();  // As a job, while it follows.
    guarded(
        [&] {
          if constexpr (std::is_void_v<Result>) {
            call();
            this->fulfill();
          } else {
            this->resolve_with(call());
          }
        },
        [&] { this->reject_with_current_exception(); });
    if constexpr (kIsPromise<std::remove_cvref_t<Result>>) {
      if (!this->is_following()) this->remove_reference();
    }
  }

 private:
  void run() noexcept override {
    if (!this->follow_step()) return;
    this->adopt(this->source());
    this->remove_reference();
  }
  void drop() noexcept override { this->abandon(); }
  void destroy() noexcept override { delete this; }
};

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_STATE_H_
