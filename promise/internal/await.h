// What stands behind `co_await x` for each x that can be awaited. Internal: the header to read is promise/coroutine.h.

#ifndef VOW_PROMISE_INTERNAL_AWAIT_H_
#define VOW_PROMISE_INTERNAL_AWAIT_H_

#include <coroutine>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "absl/base/config.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loop/source_location.h"
#include "promise/internal/result_of.h"
#include "promise/internal/state.h"
#include "promise/internal/typed_state.h"

namespace vow::promise_internal {

// The promise that a co_await waits for, in the coroutine's frame.
struct Await {
  State* source;  // Owned, in the sense of a reference.
};

// Whether a coroutine that was cancelled has yet to hear of it, and whether it then ends in any case.
enum class Cancel : std::uint8_t { kNone, kAsked, kFinal };

// Whether a T can itself stand for a rejection: then the await of a Promise<T> gives a rejection as a T.
template <class T>
inline constexpr bool kIsOutcome = kIsStatus<T> || kIsStatusOr<T>;

// co_await of a promise. Argument is Lent<T> or Given<T>.
//
// The constructor is there for g++ 12, which destroys an awaiter twice if that is an aggregate with a destructor.
template <class T, class Argument>
class PromiseAwaiter final : public Await {
  static constexpr bool kGives = std::is_same_v<Argument, Given<T>> || kIsOutcome<T>;

 public:
  // Takes over the caller's reference.
  explicit PromiseAwaiter(State& awaited) : Await{&awaited} {}
  PromiseAwaiter(const PromiseAwaiter&) = delete;
  PromiseAwaiter& operator=(const PromiseAwaiter&) = delete;
  ~PromiseAwaiter() {
    if (source != nullptr) source->remove_reference();
  }

  bool await_ready() const noexcept { return false; }
  template <class Frame>
  void await_suspend(std::coroutine_handle<Frame> frame) {
    frame.promise().wait_for(*this, kIsOutcome<T>);
  }
  std::conditional_t<kGives, T, Argument> await_resume() {
    if constexpr (kGives && !std::is_same_v<Argument, Given<T>> && !kIsCopyable<Stored<T>>) {
      static_assert(kNever<T>,
                    "co_await p would have to copy an outcome that cannot be copied: say co_await std::move(p)");
      __builtin_unreachable();
    } else {
      return take();
    }
  }

 private:
  std::conditional_t<kGives, T, Argument> take() {
    if constexpr (kIsOutcome<T>) {
      if (source->is_rejected()) return T(source->error());
    }
    if constexpr (!std::is_void_v<T>) {
      auto& state = static_cast<TypedState<T>&>(*source);
      if constexpr (std::is_same_v<Argument, Given<T>>) {
        return state.take_value();
      } else {
        state.mark_seen();
        return std::as_const(state.value());
      }
    }
  }
};

// co_await of an absl::Status: nothing if it is OK; else the coroutine ends.
class StatusAwaiter final {
 public:
  explicit StatusAwaiter(absl::Status status) : status_(std::move(status)) {}
  StatusAwaiter(const StatusAwaiter&) = delete;
  StatusAwaiter& operator=(const StatusAwaiter&) = delete;

  bool await_ready() const noexcept { return status_.ok(); }
  template <class Frame>
  void await_suspend(std::coroutine_handle<Frame> frame) {
    frame.promise().end(std::move(status_));
  }
  void await_resume() const noexcept {}

 private:
  absl::Status status_;
};

// co_await of an absl::StatusOr<T>, const or not, that lives as long as the await: its value; or the coroutine ends.
template <class Outcome, class T>
class StatusOrAwaiter final {
 public:
  explicit StatusOrAwaiter(Outcome&& outcome) : outcome_(outcome) {}
  StatusOrAwaiter(const StatusOrAwaiter&) = delete;
  StatusOrAwaiter& operator=(const StatusOrAwaiter&) = delete;

  bool await_ready() const noexcept { return outcome_.ok(); }
  template <class Frame>
  void await_suspend(std::coroutine_handle<Frame> frame) {
    frame.promise().end(outcome_.status());
  }
  T await_resume() { return *static_cast<Outcome&&>(outcome_); }

 private:
  std::remove_reference_t<Outcome>& outcome_;
};

// Stands for the value of a co_await that is a mistake, wherever it is used, so that the compiler has one error for it.
class Mistake {
 public:
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  Mistake await_resume() const noexcept { return {}; }
  template <class T>
  operator T() const;  // NOLINT: implicit
};

// What a frame of ours can await: a base of its promise object, which has wait_for, end, and set_where.
template <class Frame>
class Awaitables {
 public:
  template <class T>
  PromiseAwaiter<T, Given<T>> await_transform(Promise<T>&& promise, SourceLocation where = SourceLocation::current()) {
    use(promise, where);
    return PromiseAwaiter<T, Given<T>>(*Access::give_away(std::move(promise)));
  }
  template <class T>
  PromiseAwaiter<T, Lent<T>> await_transform(const Promise<T>& promise,
                                             SourceLocation where = SourceLocation::current()) {
    State& source = use(promise, where);
    source.add_reference();
    return PromiseAwaiter<T, Lent<T>>(source);
  }
  template <std::same_as<absl::Status> Status>
  StatusAwaiter await_transform(Status status, SourceLocation where = SourceLocation::current()) {
    frame().set_where(where);
    return StatusAwaiter(std::move(status));
  }
  template <class T>
  StatusOrAwaiter<absl::StatusOr<T>, T> await_transform(absl::StatusOr<T>&& outcome,
                                                        SourceLocation where = SourceLocation::current()) {
    frame().set_where(where);
    return StatusOrAwaiter<absl::StatusOr<T>, T>(std::move(outcome));
  }
  template <class T>
  StatusOrAwaiter<const absl::StatusOr<T>&, const T&> await_transform(
      const absl::StatusOr<T>& outcome, SourceLocation where = SourceLocation::current()) {
    frame().set_where(where);
    return StatusOrAwaiter<const absl::StatusOr<T>&, const T&>(outcome);
  }
  template <class X>
  requires(!kIsPromise<std::remove_cvref_t<X>> && !kIsOutcome<std::remove_cvref_t<X>>) Mistake await_transform(X&&) {
    static_assert(kNever<X>, "co_await x: x must be a Promise, an absl::Status or an absl::StatusOr");
    return {};
  }

 private:
  Frame& frame() { return static_cast<Frame&>(*this); }
  template <class T>
  State& use(const Promise<T>& promise, SourceLocation where) {
    frame().set_where(where);
    return Access::use(promise, "co_await", where);
  }
};

// Whether so much of this thread's stack is in use that a coroutine should not begin on top of it. The bound is found out
// at the first call on each thread.
extern constinit thread_local std::uintptr_t least_stack_address;
bool is_stack_low(std::uintptr_t address);

inline std::uintptr_t stack_address() {
#ifdef ABSL_HAVE_ADDRESS_SANITIZER
  return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));  // A local may live on a stack of ASan's own.
#else
  const char local = 0;
  const volatile char* address = &local;
  return reinterpret_cast<std::uintptr_t>(address);
#endif
}

// A coroutine begins at once, within its caller, as in JavaScript; but a recursion that would run out of stack goes on in
// microtasks.
class BeginNow {
 public:
  bool await_ready() const noexcept {
    const std::uintptr_t here = stack_address();
    return here > least_stack_address || !is_stack_low(here);
  }
  template <class Frame>
  void await_suspend(std::coroutine_handle<Frame> frame) const {
    frame.promise().begin_later();
  }
  void await_resume() const noexcept {}
};

// An error that nobody can hear any more, because the promise has settled before, is reported as unhandled; a
// cancellation is not.
void report_lost(absl::Status error, SourceLocation where);

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_AWAIT_H_
