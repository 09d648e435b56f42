#include "promise/condition.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "loop/block_pool.h"
#include "loop/fatal.h"
#include "promise/internal/permits.h"
#include "promise/internal/wait_queue.h"

namespace vow {
namespace promise_internal {
namespace {

using Locks = Permits<Mutex::Guard>;

}  // namespace

// Kept by references: the Condition's, and one for each who waits.
class ConditionState final : public Pooled<ConditionState> {
 public:
  explicit ConditionState(SourceLocation where) : where_(where) {}

  Promise<Mutex::Guard> wait(Locks& locks, SourceLocation where) {
    return waiters_.wait(*new Waiting(*this, locks, where));
  }

  // Who is notified goes over to the queue of those who wait for the lock.
  void notify(std::size_t count, const char* call, SourceLocation where) {
    for (; count > 0 && !waiters_.empty(); --count) static_cast<Waiting&>(waiters_.pop()).lock(call, where);
  }
  std::size_t size() const { return waiters_.size(); }

  void abandon() {
    waiters_.abandon("Condition", where_);
    remove_reference();
  }

  void add_reference() { ++references_; }
  void remove_reference() {
    if (--references_ == 0) delete this;
  }

 private:
  class Waiting final : public Waiter<Mutex::Guard>, public Pooled<Waiting> {
   public:
    Waiting(ConditionState& condition, Locks& locks, SourceLocation where)
        : Waiter(where), condition_(condition), locks_(locks) {
      condition_.add_reference();
      locks_.add_reference();
    }
    ~Waiting() {
      condition_.remove_reference();
      locks_.remove_reference();
    }

    void lock(const char* call, SourceLocation where) {
      is_notified_ = true;
      locks_.acquire_for(*this, call, where);
    }

   private:
    void answered() noexcept override { mark_clearable(); }
    void left() noexcept override { pass_on(); }
    void clear() noexcept override { pass_on(); }
    void pass_on() {
      if (std::exchange(is_notified_, false)) condition_.notify(1, "cancel", where());
    }
    void destroy() noexcept override { destroy_block(this); }

    ConditionState& condition_;
    Locks& locks_;
    bool is_notified_ = false;
  };

  std::uint32_t references_ = 1;
  SourceLocation where_;
  WaitQueue<Mutex::Guard> waiters_;
};

}  // namespace promise_internal

Condition::Condition(SourceLocation where) : state_(new promise_internal::ConditionState(where)) {}
Condition::~Condition() { state_->abandon(); }

Promise<Mutex::Guard> Condition::wait(Mutex::Guard guard, SourceLocation where) {
  if (!guard.is_held()) fatal("wait() of a Condition with a Mutex::Guard that holds nothing", where);
  Promise<Mutex::Guard> notified = state_->wait(*guard.permits(), where);
  guard.unlock(where);  // A parameter may live as long as the expression of the call, a co_await included.
  return notified;
}

void Condition::notify_one(SourceLocation where) { state_->notify(1, "notify_one", where); }
void Condition::notify_all(SourceLocation where) { state_->notify(state_->size(), "notify_all", where); }

}  // namespace vow
