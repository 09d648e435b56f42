// States with a value, and what exceptions become on the way to them. Internal: the header to read is
// promise/promise.h.

#ifndef VOW_PROMISE_INTERNAL_TYPED_STATE_H_
#define VOW_PROMISE_INTERNAL_TYPED_STATE_H_

#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loop/block_pool.h"
#include "loop/source_location.h"
#include "promise/internal/producer.h"
#include "promise/internal/result_of.h"
#include "promise/internal/state.h"

namespace vow::promise_internal {

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

// In `on_exception`: the exception goes on.
[[noreturn]] inline void rethrow() {
#ifdef __cpp_exceptions
  throw;
#else
  __builtin_unreachable();
#endif
}

// An error with a message, or without one if there is no memory for it.
template <class Message>
absl::Status error_with(absl::StatusCode code, Message&& message) {
  absl::Status error(code, "");
  guarded([&] { error = absl::Status(code, message()); }, [] {});
  return error;
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
      if (!is_unshared()) {
        mark_seen();
        return value();
      }
    }
    return std::move(value());
  }

  // Only while pending, as all that follows.
  template <class... Arguments>
  void fulfill(Arguments&&... arguments) {
    new (value_memory()) Value(std::forward<Arguments>(arguments)...);
    settle(Phase::kFulfilled);
  }

  // With what a callback may return, but for promises: a value, an error, or either of them.
  template <class R>
  void resolve_with(R&& result) {
    using Plain = std::remove_cvref_t<R>;
    if constexpr (kIsStatus<Plain>) {
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

  // Takes over the outcome, and the caller's reference, of a settled state.
  void adopt(State& source) {
    if (source.is_fulfilled()) {
      guarded([&] { fulfill(static_cast<TypedState&>(source).take_value()); },
              [&] { reject_with_current_exception(); });
    } else {
      reject(source.take_error());
    }
    source.remove_reference();
  }

  // `destroy` of a final class.
  template <class Self>
  static void destroy_block(Self* self) {
    if constexpr (std::is_trivially_destructible_v<Value>) {
      delete self;
    } else {
      self->destroy_in_turn([self] { delete self; });
    }
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

// A state that may be resolved with a promise.
template <class T>
class FollowingState : public TypedState<T> {
 protected:
  using TypedState<T>::TypedState;
  ~FollowingState() = default;

  void resolve_with_promise(Promise<T> promise) {
    State* inner = Access::give_away(std::move(promise));
    if (inner == nullptr) [[unlikely]]
      moved_from("resolve", "Promise", this->where());
    skipped_ = 0;
    this->follow(*inner);
  }
  bool follow_step() { return State::follow_step(skipped_); }

  union {
    std::uint64_t skipped_;  // While following: how many states between this and its source were skipped.
    State* left_;            // Stopped: what it followed, or null. Owned, in the sense of a reference.
  };

 private:
  std::uint64_t* skipped() noexcept override { return &skipped_; }
};

// The state behind a Deferred, and of promises that are made settled.
template <class T>
class PlainState final : public FollowingState<T>, public Pooled<PlainState<T>> {
 public:
  explicit PlainState(SourceLocation where) : FollowingState<T>(where) {}

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
          } else if constexpr (kIsPromise<std::remove_cvref_t<Result>>) {
            this->resolve_with_promise(call());
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
    this->adopt(this->take_source());
    this->remove_reference();
  }
  bool may_be_skipped() const noexcept override { return true; }
  void stop(Withdrawal& withdrawal) noexcept override {
    if (this->is_following()) {
      this->stop_waiting(withdrawal);
    } else {
      State::Producer(*this).stop(withdrawal);
    }
  }
  void destroy() noexcept override { this->destroy_block(this); }
};

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_TYPED_STATE_H_
