// What Semaphore and Mutex have in common: so many permits, of which each is held by a Holder. Internal: see
// promise/semaphore.h and promise/mutex.h.

#ifndef VOW_PROMISE_INTERNAL_PERMITS_H_
#define VOW_PROMISE_INTERNAL_PERMITS_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "loop/block_pool.h"
#include "loop/fatal.h"
#include "loop/source_location.h"
#include "promise/internal/wait_queue.h"
#include "promise/promise.h"

namespace vow::promise_internal {

// Kept by references: the Semaphore's or Mutex's, and one for each Holder.
template <class Holder>
class Permits final : public Pooled<Permits<Holder>> {
 public:
  Permits(const char* name, int available, SourceLocation where) : name_(name), available_(available), where_(where) {}

  int available() const { return available_; }

  Promise<Holder> acquire(SourceLocation where) {
    if (available_ <= 0) return waiters_.wait(where);
    return {take(), where};
  }
  std::optional<Holder> try_acquire() {
    if (available_ <= 0) return std::nullopt;
    return take();
  }
  // For one who waits elsewhere.
  void acquire_for(Waiter<Holder>& waiter, const char* call, SourceLocation where) {
    waiters_.push(waiter);
    if (is_abandoned_) {
      waiters_.abandon(name_, where_);
    } else if (available_ > 0) {
      waiters_.fulfill_next(call, where, take());
    }
  }

  // To the first who waits. Nobody overtakes: as long as somebody waits, none is available.
  void give_back(const char* call, SourceLocation where) {
    if (is_abandoned_) return;
    if (waiters_.empty()) {
      ++available_;
    } else {
      add_reference();
      waiters_.fulfill_next(call, where, Holder(this));
    }
  }

  void abandon() {
    is_abandoned_ = true;
    available_ = 0;
    waiters_.abandon(name_, where_);
    remove_reference();
  }

  void add_reference() { ++references_; }
  void remove_reference() {
    if (--references_ == 0) delete this;
  }

 private:
  Holder take() {
    --available_;
    add_reference();
    return Holder(this);
  }

  const char* name_;
  int available_;
  std::uint32_t references_ = 1;
  bool is_abandoned_ = false;
  SourceLocation where_;
  WaitQueue<Holder> waiters_;
};

// Base of a Holder: one permit, or none.
template <class Holder>
class HeldPermit {
 public:
  // For Permits: takes over the caller's reference.
  explicit HeldPermit(Permits<Holder>* permits) : permits_(permits) {}
  HeldPermit(HeldPermit&& other) noexcept : permits_(std::exchange(other.permits_, nullptr)) {}
  HeldPermit& operator=(HeldPermit&& other) noexcept {
    HeldPermit(std::move(other)).swap(*this);
    return *this;
  }
  ~HeldPermit() {
    if (permits_ != nullptr) give_back("destroy", SourceLocation::current());
  }

  // False when it was given back, or moved from.
  bool is_held() const { return permits_ != nullptr; }

 protected:
  void give_back(const char* call, const char* type, SourceLocation where) {
    if (permits_ == nullptr) [[unlikely]]
      fatal(absl::StrCat(call, "() of a ", type, " that holds nothing"), where);
    give_back(call, where);
  }
  Permits<Holder>* permits() const { return permits_; }

 private:
  void swap(HeldPermit& other) { std::swap(permits_, other.permits_); }
  void give_back(const char* call, SourceLocation where) {
    Permits<Holder>* const permits = std::exchange(permits_, nullptr);
    permits->give_back(call, where);
    permits->remove_reference();
  }

  Permits<Holder>* permits_;  // Owned, in the sense of a reference.
};

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_PERMITS_H_
