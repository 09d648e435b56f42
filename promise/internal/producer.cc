#include "promise/internal/producer.h"

#include <exception>

#include "absl/strings/str_cat.h"
#include "loop/event_loop.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"

namespace vow::promise_internal {

void State::Producer::broken_promise() {
  state_.check_thread("~Deferred", state_.where());
  CancelHook* hook = take_hook();
  const auto message = [this] {
    return absl::StrCat("broken promise: the Deferred made at ", to_string(state_.where()), " was dropped unsettled",
                        std::uncaught_exceptions() > 0 ? ", while an exception was passing" : "");
  };
  state_.reject(error_with(absl::StatusCode::kAborted, message), Phase::kBroken);
  drop_hook(hook);
}

void State::Producer::threw() {
  if (state_.is_unresolved()) {
    state_.reject_with_current_exception();
  } else if (state_.phase_ == Phase::kBroken) {
    state_.slot_.error = status_of_current_exception();
  }
}

// A hook may own the next Deferred, whose hook owns the next one: they are dropped one after the other.
void State::Producer::drop_hook(CancelHook* hook) {
  static thread_local JobQueue* being_dropped = nullptr;
  if (hook == nullptr) return;
  if (being_dropped != nullptr) return being_dropped->push(*hook);
  JobQueue hooks;
  hooks.push(*hook);
  being_dropped = &hooks;
  while (Job* next = hooks.pop()) next->drop();
  being_dropped = nullptr;
}

void State::Producer::set_hook(CancelHook& hook) {
  CancelHook* previous = take_hook();
  if (state_.is_unresolved()) {
    state_.has_hook_ = true;
    state_.slot_.hook = &hook;
  } else if (state_.phase_ == Phase::kCancelled && state_.is_loop_current()) {
    hook.reason = state_.error();
    EventLoop::current_or_null()->queue_microtask(hook);
  } else {
    drop_hook(&hook);
  }
  drop_hook(previous);
}

void State::Producer::stop(Withdrawal& withdrawal) {
  CancelHook* hook = take_hook();
  state_.be_cancelled(withdrawal.reason());
  if (hook != nullptr) withdrawal.tell(*hook);
}

}  // namespace vow::promise_internal
