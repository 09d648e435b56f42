#include "promise/internal/state.h"

#include "absl/strings/str_cat.h"
#include "loop/fatal.h"

#ifdef __cpp_exceptions
#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <typeinfo>
#endif

namespace vow::promise_internal {

void State::reject(absl::Status error) {
  if (error.ok()) {
    error =
        absl::InternalError(absl::StrCat("a promise made at ", to_string(where_), " was rejected with an OK status"));
  }
  new (&slot_.error) absl::Status(std::move(error));
  settle(Phase::kRejected);
}

absl::Status State::status() const {
  if (is_rejected()) return error();
  if (is_fulfilled()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("a promise made at ", to_string(where_), " is pending"));
}

void State::broken_promise() {
  check_thread("~Deferred", where_);
  flags_ |= kBroken;
  reject(absl::AbortedError(
      absl::StrCat("broken promise: the Deferred made at ", to_string(where_), " was dropped unsettled")));
}

void State::reject_with_current_exception() { reject(status_of_current_exception()); }

void State::producer_threw() {
  if (is_unresolved()) {
    reject(status_of_current_exception());
  } else if ((flags_ & kBroken) != 0) {
    slot_.error = status_of_current_exception();
  }
}

void State::hand_out_once(SourceLocation where) {
  if ((flags_ & kHandedOut) != 0) fatal("promise() a second time on a Deferred whose value cannot be copied", where);
  flags_ |= kHandedOut;
}

absl::Status State::cycle() const {
  return absl::InvalidArgumentError(
      absl::StrCat("chaining cycle: the promise made at ", to_string(where_), " was resolved with itself"));
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
  flags_ |= kFollowQueued;
  EventLoop::current_or_null()->queue_microtask(*this);
}

bool State::follow_step() {
  if ((flags_ & kFollowAttached) != 0) {
    flags_ &= ~kFollowAttached;
    return true;
  }
  flags_ = (flags_ & ~kFollowQueued) | kFollowAttached;
  slot_.source->attach(*this);
  return false;
}

void State::reject_closed() {
  check_thread("drop", where_);
  reject(absl::AbortedError(
      absl::StrCat("the event loop was closed before a promise made at ", to_string(where_), " had settled")));
}

void State::abandon() {
  State* source = slot_.source;
  flags_ &= ~(kFollowQueued | kFollowAttached);
  reject_closed();
  source->remove_reference();
  remove_reference();
}

// The loop is closed, so the reactions never run, but they let go of what they hold. Each may settle another state by
// that, so they are dropped one after the other, from one list, however long the chain.
void State::leave_loop(const char* call, SourceLocation where) {
  if (EventLoop::is_open(loop_id_)) misused(call, where);
  static thread_local JobQueue* being_dropped = nullptr;
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
  fatal(absl::StrCat(call, "() on a promise whose event loop is ",
                     EventLoop::is_open(loop_id_) ? "another thread's" : "closed"),
        where);
}

void State::made_without_loop(SourceLocation where) {
  fatal("a promise is made on a thread that has no event loop", where);
}

void moved_from(const char* call, const char* type, SourceLocation where) {
  fatal(absl::StrCat(call, "() on a ", type, " that was moved from"), where);
}

void no_value(const State& state, SourceLocation where) {
  fatal(absl::StrCat("value() of a promise that has none: ", state.status().ToString()), where);
}

absl::Status status_of_current_exception() {
#ifdef __cpp_exceptions
  try {
    throw;
  } catch (const absl::Status& status) {
    return status.ok() ? absl::InternalError("a callback threw an OK status") : status;
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("a callback threw std::bad_alloc");
  } catch (const std::exception& exception) {
    const char* mangled = typeid(exception).name();
    int failed = 0;
    const std::unique_ptr<char, decltype(&std::free)> type(abi::__cxa_demangle(mangled, nullptr, nullptr, &failed),
                                                           &std::free);
    return absl::UnknownError(absl::StrCat(failed == 0 ? type.get() : mangled, ": ", exception.what()));
  } catch (...) {
  }
#endif
  return absl::UnknownError("a callback threw something that is not a std::exception");
}

}  // namespace vow::promise_internal
