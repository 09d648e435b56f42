#include "promise/internal/state.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "loop/fatal.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"

#ifdef __cpp_exceptions
#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <typeinfo>
#endif

namespace vow::promise_internal {

void State::reject(absl::Status error, Phase phase) {
  if (error.ok()) {
    error = error_with(absl::StatusCode::kInternal, [&] {
      return absl::StrCat("a promise made at ", to_string(where_), " was rejected with an OK status");
    });
  }
  new (&slot_.error) absl::Status(std::move(error));
  const bool is_heard = handled_ || !reactions_.empty();
  settle(phase);
  if (!is_heard) watch_rejection();
}

absl::Status State::status() {
  if (is_fulfilled()) return absl::OkStatus();
  if (is_rejected()) {
    handle();
    return error();
  }
  return absl::UnavailableError(absl::StrCat("a promise made at ", to_string(where_), " is pending"));
}

void State::reject_with_current_exception() { reject(status_of_current_exception()); }

// The reactions that a closed loop left behind, while they are dropped (leave_loop).
static constinit thread_local JobQueue* being_dropped = nullptr;

void State::detach(Job& reaction) {
  if (!reactions_.empty()) {
    reactions_.remove(reaction);
    has_follower_ = false;
  } else if (is_loop_current()) [[likely]] {
    EventLoop::current_or_null()->remove_microtask(reaction);
  } else {
    being_dropped->remove(reaction);
  }
}

absl::Status State::cycle() const {
  return error_with(absl::StatusCode::kInvalidArgument, [&] {
    return absl::StrCat("chaining cycle: the promise made at ", to_string(where_),
                        " was resolved with itself, or with a promise that waits for it");
  });
}

void State::follow(State& inner) {
  if (&inner == this) {
    inner.remove_reference();
    return reject(cycle());
  }
  if (EventLoop::current_or_null() == nullptr) {
    inner.remove_reference();
    return reject_closed();
  }
  inner.check_usable("resolve", where_);
  slot_.source = &inner;
  follow_queued_ = true;
  EventLoop::current_or_null()->queue_microtask(*this);
}

// However far up, within reason: what waits for more than this many promises, one after the other, is no cycle, and each
// new link would have to look at all of them.
bool State::waits_for(const State* other) const {
  constexpr int kLongestCycle = 1000;
  const State* state = this;
  for (int left = kLongestCycle; left > 0; --left) {
    if (state == other) return true;
    if (!state->is_pending() || state->has_hook_) return false;
    state = state->slot_.source;
    if (state == nullptr) return false;
  }
  return false;
}

void State::attach_to_pending(State& inner) {
  if (would_close_cycle(inner)) {
    follow_attached_ = false;
    reject(cycle());
    inner.remove_reference();
    clear();
    remove_reference();
    return;
  }
  inner.attach(*this);
  inner.has_follower_ = true;
  skip_unseen();
  if (State* follower = only_follower()) {
    if (State* first = follower->only_follower()) first->skip_unseen();
  }
}

// What follows this, if nobody else can see it.
State* State::only_follower() {
  return has_follower_ && references_ == 2 ? &static_cast<State&>(reactions_.front()) : nullptr;
}

// While this waits for a state that does nothing but follow another, and which nobody else can see, it may as well wait
// for that one. So a function that returns the promise of a `then` which calls it again makes no chain, however often.
// But each of those that are skipped would have taken a microtask to pass the outcome on: they are counted. One is
// skipped only when the next one follows in its turn, so that a callback outlives at least what it has called itself.
void State::skip_unseen() {
  while (true) {
    State& unseen = *slot_.source;
    const bool is_link = unseen.is_pending() && unseen.follow_attached_ && unseen.slot_.source->is_pending() &&
                         unseen.slot_.source->follow_attached_;
    if (!is_link || unseen.only_follower() != this || !unseen.may_be_skipped()) return;
    slot_.source = unseen.slot_.source;
    slot_.source->reactions_.replace(unseen, *this);
    *skipped() += 1 + *unseen.skipped();
    unseen.clear();
    unseen.destroy();
  }
}

// When nothing else is in the queue, nobody could tell whether the microtasks have been taken.
bool State::wait_for_skipped(std::uint64_t& skipped) {
  EventLoop& loop = *EventLoop::current_or_null();
  if (!loop.has_microtasks()) return false;
  --skipped;
  loop.queue_microtask(*this);
  return true;
}

void State::reject_closed() {
  check_thread("drop", where_);
  handled_ = true;
  reject(error_with(absl::StatusCode::kAborted, [&] {
    return absl::StrCat("the event loop was closed before a promise made at ", to_string(where_), " had settled");
  }));
}

void State::drop() noexcept {
  State& source = take_source();
  follow_queued_ = follow_attached_ = false;
  reject_closed();
  clear();
  source.remove_reference();
  remove_reference();
}

bool State::cancel(absl::Status reason, SourceLocation where) {
  if (!is_loop_current()) {
    if (EventLoop::is_open(loop_id_)) misused("cancel", where);
    return false;
  }
  if (!is_pending()) return false;
  Withdrawal(*this, std::move(reason)).stop();
  return true;
}

void State::stop_waiting(Withdrawal& withdrawal) {
  if (is_running()) return be_cancelled(withdrawal.reason());
  State& source = take_source();
  if (follow_queued_) {
    EventLoop::current_or_null()->remove_microtask(*this);
  } else {
    source.detach(*this);
  }
  follow_queued_ = follow_attached_ = false;
  clearable_ = true;
  be_cancelled(withdrawal.reason());
  withdrawal.let_go(source);
  remove_reference();
}

void State::stop_alone(Withdrawal& withdrawal) {
  State& source = take_source();
  source.detach(*this);
  be_cancelled(withdrawal.reason());
  withdrawal.release(source);
  remove_reference();
}

// Values that hold promises may make a list of any length, of which each state's destructor would call the next one's.
namespace {

constexpr int kNestedDestructors = 32;
constinit thread_local int nested_destructors = 0;
constinit thread_local State* to_destroy = nullptr;

}  // namespace

bool State::begin_to_destroy() {
  if (nested_destructors < kNestedDestructors) {
    ++nested_destructors;
    return true;
  }
  next_ = std::exchange(to_destroy, this);
  return false;
}

void State::destroy_waiting() {
  while (nested_destructors == 1 && to_destroy != nullptr) {
    State* state = to_destroy;
    to_destroy = state->next_;
    state->destroy();
  }
  --nested_destructors;
}

// The loop is closed, so the reactions never run, but they let go of what they hold. Each may settle another state by
// that, so they are dropped one after the other, from one list, however long the chain.
void State::leave_loop(const char* call, SourceLocation where) {
  if (EventLoop::is_open(loop_id_)) misused(call, where);
  if (!is_pending()) return;
  if (being_dropped != nullptr) {
    being_dropped->append(std::move(reactions_));
    return;
  }
  JobQueue reactions = std::move(reactions_);
  being_dropped = &reactions;
  while (Job* reaction = reactions.pop()) reaction->drop();
  being_dropped = nullptr;
}

void State::misused(const char* call, SourceLocation where) const {
  promise_internal::misused(call, "a promise", loop_id_, where);
}

void State::made_without_loop(SourceLocation where) {
  fatal(absl::StrCat("a promise is made on a thread that has no event loop", EventLoop::why_none()), where);
}

void misused(const char* call, const char* type, std::uint16_t loop_id, SourceLocation where) {
  fatal(absl::StrCat(call, "() on ", type, " whose event loop is ",
                     EventLoop::is_open(loop_id) ? "another thread's" : "closed"),
        where);
}

void moved_from(const char* call, const char* type, SourceLocation where) {
  fatal(absl::StrCat(call, "() on a ", type, " that was moved from"), where);
}

void handed_out_before(SourceLocation where) {
  fatal("promise() a second time on a Deferred whose value cannot be copied", where);
}

void no_value(State& state, SourceLocation where) {
  fatal(absl::StrCat("value() of a promise that has none: ", state.status().ToString()), where);
}

absl::Status status_of_current_exception() {
#ifdef __cpp_exceptions
  try {
    throw;
  } catch (const absl::Status& status) {
    if (!status.ok()) return status;
    return error_with(absl::StatusCode::kInternal, [] { return "a callback threw an OK status"; });
  } catch (const std::bad_alloc&) {
    return error_with(absl::StatusCode::kResourceExhausted, [] { return "a callback threw std::bad_alloc"; });
  } catch (const std::exception& exception) {
    return error_with(absl::StatusCode::kUnknown, [&] {
      const char* mangled = typeid(exception).name();
      int failed = 0;
      const std::unique_ptr<char, decltype(&std::free)> type(abi::__cxa_demangle(mangled, nullptr, nullptr, &failed),
                                                             &std::free);
      return absl::StrCat(failed == 0 ? type.get() : mangled, ": ", exception.what());
    });
  } catch (...) {
  }
#endif
  return error_with(absl::StatusCode::kUnknown,
                    [] { return "a callback threw something that is not a std::exception"; });
}

}  // namespace vow::promise_internal
