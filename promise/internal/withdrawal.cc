#include "promise/internal/withdrawal.h"

#include <new>
#include <utility>

#include "loop/event_loop.h"
#include "promise/internal/producer.h"
#include "promise/internal/typed_state.h"

namespace vow::promise_internal {

absl::Status not_needed(const char* why) {
  return error_with(absl::StatusCode::kCancelled, [why] { return why; });
}

State::Withdrawal::Withdrawal(absl::Status reason, Mode mode) : reason_(std::move(reason)), mode_(mode) {}

State::Withdrawal::Withdrawal(State& decided, absl::Status reason, Mode mode)
    : decided_(&decided), reason_(std::move(reason)), mode_(mode), reactions_(std::move(decided.reactions_)) {
  decided.add_reference();
  if (!reactions_.empty()) decided.handled_ = true;
}

void State::Withdrawal::let_go(State& state) {
  state.handle();
  --state.references_;
  const bool is_last = state.references_ == 0 || (state.is_pending() && state.is_unwanted());
  if (!is_last) return;
  ++state.references_;
  (state.is_pending() ? to_stop_ : to_clear_).push(state);
}

void State::Withdrawal::release(State& state) {
  if (state.is_unshared()) {
    to_clear_.push(state);
  } else {
    state.remove_reference();
  }
}

void State::Withdrawal::tell(CancelHook& hook) {
  hook.reason = reason_;
  told_.push(hook);
}

void State::Withdrawal::stop() {
  // Back to where `detach` looks for them: in a cycle, what is stopped may be what waits.
  if (decided_ != nullptr) {
    decided_->reactions_ = std::move(reactions_);
    if (decided_->is_pending()) decided_->stop(*this);
  }
  while (State* state = to_stop_.pop()) {
    state->stop(*this);
    if (state->clearable_ || state->is_unshared()) {
      to_clear_.push(*state);
    } else {
      state->remove_reference();
    }
  }
  EventLoop& loop = *EventLoop::current_or_null();
  if (!is_final()) loop.queue_microtasks(std::move(told_));
  if (decided_ != nullptr) loop.queue_microtasks(std::move(decided_->reactions_));
  while (Job* hook = told_.pop()) hook->run();
}

State::Withdrawal::~Withdrawal() {
  if (decided_ != nullptr) clear(*decided_);
  while (State* state = to_clear_.pop()) clear(*state);
}

void State::Withdrawal::clear(State& state) {
  const bool has_callbacks = state.clearable_;
  state.clearable_ = false;
  if (has_callbacks) state.clear_stopped();
  state.remove_reference();
}

void State::Withdrawal::List::push(State& state) {
  state.next_ = nullptr;
  (last_ == nullptr ? first_ : last_->next_) = &state;
  last_ = &state;
}

State* State::Withdrawal::List::pop() {
  State* state = first_;
  if (state == nullptr) return nullptr;
  first_ = state->next_;
  if (first_ == nullptr) last_ = nullptr;
  new (&state->reactions_) JobQueue;
  return state;
}

}  // namespace vow::promise_internal
