// Which coroutines belong to a TaskGroup. Internal: the header to read is promise/task_group.h.
//
// A coroutine that is started while a coroutine of a scope runs belongs to that scope, too. Normally there is nothing to
// do about it: it ends when whoever waits for it is cancelled. But one that was cancelled and goes on for a while, to clean
// up, is seen by nobody: it lingers, and of these the scope has a list, so that it can wait for them, and end them.

#ifndef VOW_PROMISE_INTERNAL_SCOPE_H_
#define VOW_PROMISE_INTERNAL_SCOPE_H_

#include <cstdint>
#include <utility>

namespace vow::promise_internal {

class Scope {
 public:
  class Member;
  class Entered;
  class Reference;

  // That of the coroutine that runs; null if there is none, or it has none.
  static Scope* current() { return current_; }

  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  void add_reference() { ++references_; }
  void remove_reference() {
    if (--references_ == 0) destroy();
  }

  // Nothing may linger any more.
  bool is_over() const { return is_over_; }

 protected:
  Scope() = default;
  ~Scope() = default;

  bool has_lingering() const { return lingering_ != nullptr; }
  // From here on nothing lingers; what does is ended.
  void end_lingering() noexcept;

  virtual void last_lingering_left() noexcept = 0;
  virtual void destroy() noexcept = 0;

 private:
  static constinit thread_local Scope* current_;

  std::uint32_t references_ = 1;
  bool is_over_ = false;
  Member* lingering_ = nullptr;
};

// A coroutine's membership, owned by its frame.
class Scope::Member {
 public:
  Scope& scope() const { return scope_; }

  // The coroutine has been cancelled, but goes on.
  void linger();
  // Takes it out of the list of those that do.
  void leave();
  virtual void end() noexcept = 0;

  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

 protected:
  explicit Member(Scope& scope) : scope_(scope) { scope.add_reference(); }
  ~Member();

 private:
  Scope& scope_;
  Member** link_ = nullptr;  // What points to this in the list of those that linger; null when it is not there.
  Member* next_ = nullptr;
};

// To a scope, or to none.
class Scope::Reference {
 public:
  explicit Reference(Scope* scope) : scope_(scope) {
    if (scope_ != nullptr) scope_->add_reference();
  }
  Reference(Reference&& other) noexcept : scope_(std::exchange(other.scope_, nullptr)) {}
  Reference& operator=(Reference&&) = delete;
  ~Reference() {
    if (scope_ != nullptr) scope_->remove_reference();
  }
  Scope* get() const { return scope_; }

 private:
  Scope* scope_;
};

// While it lives, something of the scope runs; or, if that is null, something that belongs to none.
class Scope::Entered {
 public:
  explicit Entered(Scope* scope) : scope_(scope), outer_(std::exchange(current_, scope)) {}
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
  ~Entered() { current_ = outer_; }

 private:
  const Reference scope_;
  Scope* const outer_;
};

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_SCOPE_H_
