#include "promise/internal/scope.h"

namespace vow::promise_internal {

constinit thread_local Scope* Scope::current_ = nullptr;

void Scope::end_lingering() noexcept {
  is_over_ = true;
  while (Member* member = lingering_) {
    member->leave();
    member->end();
  }
}

void Scope::Member::linger() {
  if (link_ != nullptr) return;
  next_ = scope_.lingering_;
  link_ = &scope_.lingering_;
  if (next_ != nullptr) next_->link_ = &next_;
  scope_.lingering_ = this;
}

void Scope::Member::leave() {
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
  link_ = nullptr;
}

Scope::Member::~Member() {
  if (link_ != nullptr) {
    leave();
    if (!scope_.has_lingering()) scope_.last_lingering_left();
  }
  scope_.remove_reference();
}

}  // namespace vow::promise_internal
