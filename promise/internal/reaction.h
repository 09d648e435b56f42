// The states that `then` and its like make: each is the promise that the call gives, and the reaction of the one that
// it was called on, in one block. Internal: the header to read is promise/promise.h.

#ifndef VOW_PROMISE_INTERNAL_REACTION_H_
#define VOW_PROMISE_INTERNAL_REACTION_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "loop/block_pool.h"
#include "promise/internal/state.h"

namespace vow::promise_internal {

// In place of a callback: the outcome goes on as it is.
struct PassThrough {};

// What F and G must be for `then` on a Promise<T> that offers F an Argument and gives a Promise<U>.
template <class T, class U, class Argument, class F, class G>
struct ThenShape {
  static constexpr bool kPasses = std::is_same_v<F, PassThrough>;
  static constexpr bool kLends = !std::is_void_v<T> && std::is_same_v<Argument, Lent<T>>;

  static constexpr bool kTakesValue = kPasses || kIsCallback<F, Argument>;
  static constexpr bool kTakesError = std::is_same_v<G, PassThrough> || kIsCallback<G, absl::Status>;
  static constexpr bool kLeadsBack = std::is_same_v<G, PassThrough> || kLeadsTo<CallResult<G, absl::Status>, U>;
  static constexpr bool kMayPass = !kPasses || !kLends || kIsCopyable<Stored<T>>;
  static constexpr bool kFits = kTakesValue && kTakesError && kLeadsBack && kMayPass;
};

// Says, in one message, what does not fit.
template <class T, class Shape>
constexpr void explain() {
  if constexpr (!Shape::kTakesValue && std::is_void_v<T>) {
    static_assert(kNever<Shape>, "then(f) on a Promise<void>: f must be callable without arguments");
  } else if constexpr (!Shape::kTakesValue && Shape::kLends) {
    static_assert(kNever<Shape>,
                  "p.then(f) lends the value: f must be callable with const T&, or without arguments; "
                  "std::move(p).then(f) would give f the value as its own, T&&");
  } else if constexpr (!Shape::kTakesValue) {
    static_assert(kNever<Shape>, "then(f): f must be callable with the value, T&&, or without arguments");
  } else if constexpr (!Shape::kTakesError) {
    static_assert(kNever<Shape>, "catch_(g), then(f, g): g must be callable with absl::Status, or without arguments");
  } else if constexpr (!Shape::kLeadsBack && Shape::kPasses) {
    static_assert(kNever<Shape>,
                  "catch_(g) on a Promise<T>: g must return what leads back to it: "
                  "T (nothing, for void), absl::Status, absl::StatusOr<T> or Promise<T>");
  } else if constexpr (!Shape::kLeadsBack) {
    static_assert(kNever<Shape>,
                  "then(f, g): g must return what leads to the same Promise<U> as f: "
                  "U (nothing, for void), absl::Status, absl::StatusOr<U> or Promise<U>");
  } else {
    static_assert(kNever<Shape>,
                  "p.catch_(g) would have to copy a value that cannot be copied: say std::move(p).catch_(g)");
  }
}

// A callback that can be destroyed before the block that holds it.
template <class F, bool kStateless = std::is_empty_v<F>&& std::is_trivially_destructible_v<F> && !std::is_final_v<F>>
class CallbackHolder {
 public:
  template <class G>
  explicit CallbackHolder(G&& f) : f_(std::forward<G>(f)) {}
  ~CallbackHolder() {}
  F& get() { return f_; }
  void clear() { f_.~F(); }

 private:
  union {
    F f_;
  };
};

// Nothing to destroy: takes no room.
template <class F>
class CallbackHolder<F, true> : private F {
 public:
  template <class G>
  explicit CallbackHolder(G&& f) : F(std::forward<G>(f)) {}
  F& get() { return *this; }
  void clear() {}
};

// Calls f with the value of a fulfilled state, on loan or for good as Argument says, or with nothing if it takes
// nothing.
template <class Argument, class F, class T>
std::remove_cvref_t<CallResult<F, Argument>> call_with_value(F& f, [[maybe_unused]] TypedState<T>& state) {
  if constexpr (std::is_void_v<Argument> || !kTakes<F, Argument>) {
    return std::move(f)();
  } else if constexpr (std::is_same_v<Argument, Lent<T>>) {
    return std::move(f)(std::as_const(state.value()));
  } else if constexpr (!kIsCopyable<T>) {
    return std::move(f)(std::move(state.value()));
  } else if constexpr (std::is_trivially_copyable_v<T> && sizeof(T) <= 2 * sizeof(void*)) {
    return std::move(f)(T(state.value()));
  } else {
    std::optional<T> copy;
    T* value = &state.value();
    if (!state.is_unshared()) value = &copy.emplace(*value);
    return std::move(f)(std::move(*value));
  }
}

// The same for the error of a rejected state.
template <class G>
std::remove_cvref_t<CallResult<G, absl::Status>> call_with_error(G& g, [[maybe_unused]] State& state) {
  if constexpr (kTakes<G, absl::Status>) {
    return std::move(g)(state.take_error());
  } else {
    return std::move(g)();
  }
}

// then(f), catch_(g), then(f, g): a Promise<U> made of a Promise<T>. Argument is what f is offered.
template <class T, class U, class Argument, class F, class G>
class Then final : public TypedState<U>, public Pooled<Then<T, U, Argument, F, G>> {
 public:
  // Takes over the caller's reference to `source`.
  template <class F1, class G1>
  Then(TypedState<T>& source, F1&& f, G1&& g, SourceLocation where)
      : TypedState<U>(source, where), f_(std::forward<F1>(f)), g_(std::forward<G1>(g)) {
    source.attach(*this);
  }

 private:
  static constexpr bool kHandlesValue = !std::is_same_v<F, PassThrough>;
  static constexpr bool kHandlesError = !std::is_same_v<G, PassThrough>;
  static constexpr bool kMayFollow = kIsPromise<std::remove_cvref_t<CallResult<F, Argument>>> ||
                                     kIsPromise<std::remove_cvref_t<CallResult<G, absl::Status>>>;

  void run() noexcept override {
    if constexpr (kMayFollow) {
      if (this->is_following()) {
        if (this->follow_step()) finish_following();
        return;
      }
    }
    auto& source = static_cast<TypedState<T>&>(this->source());
    if (!source.is_fulfilled()) return run_rejected(source);
    if constexpr (kHandlesValue) {
      settle_by([&] { return call_with_value<Argument>(f_.get(), source); });
      source.remove_reference();
    } else {
      clear_callbacks();
      this->adopt(source);
    }
    finish();
  }

  [[gnu::noinline]] void run_rejected(State& source) {
    if constexpr (kHandlesError) {
      settle_by([&] { return call_with_error(g_.get(), source); });
    } else {
      clear_callbacks();
      this->reject(source.take_error());
    }
    source.remove_reference();
    finish();
  }

  void finish() {
    if constexpr (kMayFollow) {
      if (this->is_following()) return;
    }
    this->remove_reference();
  }

  // A callback is destroyed before the reactions to its result run: at once, or, if it returned a promise, when that
  // has settled.
  template <class Call>
  void settle_by(Call&& call) {
    using Result = decltype(call());
    bool cleared = false;
    guarded(
        [&] {
          if constexpr (std::is_void_v<Result>) {
            call();
            clear_callbacks();
            cleared = true;
            this->fulfill();
          } else {
            Result&& result = call();
            if constexpr (!kIsPromise<std::remove_cvref_t<Result>>) {
              clear_callbacks();
              cleared = true;
            }
            this->resolve_with(std::forward<Result>(result));
            if constexpr (kIsPromise<std::remove_cvref_t<Result>>) {
              if (!this->is_following()) clear_callbacks();
            }
          }
        },
        [&] {
          if (!cleared) clear_callbacks();
          this->reject_with_current_exception();
        });
  }

  void finish_following() {
    clear_callbacks();
    this->adopt(this->source());
    this->remove_reference();
  }

  void clear_callbacks() {
    f_.clear();
    g_.clear();
  }

  void drop() noexcept override {
    clear_callbacks();
    this->abandon();
  }
  void destroy() noexcept override { delete this; }

  [[no_unique_address]] CallbackHolder<F> f_;
  [[no_unique_address]] CallbackHolder<G> g_;
};

// finally(h). ECMAScript makes it of two `then`s with a promise between them: one microtask calls h, one settles the
// promise between (later, if h returned a promise that is pending), and one adopts it.
template <class T, class H>
class Finally final : public TypedState<T>, public Pooled<Finally<T, H>> {
 public:
  // Takes over the caller's reference to `source`.
  template <class H1>
  Finally(TypedState<T>& source, H1&& h, SourceLocation where)
      : TypedState<T>(source, where), h_(std::in_place, std::forward<H1>(h)) {
    source.attach(*this);
  }

 private:
  using Result = CallResult<H, void>;
  enum class Step : unsigned char { kCall, kSettleBetween, kAdopt };

  void run() noexcept override {
    switch (step_) {
      case Step::kCall:
        step_ = Step::kSettleBetween;
        guarded([this] { call(); }, [this] { finish(status_of_current_exception()); });
        return;
      case Step::kSettleBetween:
        step_ = Step::kAdopt;
        h_.reset();
        EventLoop::current_or_null()->queue_microtask(*this);
        return;
      case Step::kAdopt:
        finish(between_ != nullptr && between_->is_rejected() ? between_->take_error() : absl::OkStatus());
        return;
    }
  }

  void call() {
    if constexpr (kIsPromise<std::remove_cvref_t<Result>>) {
      Promise<Unwrapped<Result>> between = std::move(*h_)();
      if (&Access::use(between, "finally", this->where()) == static_cast<State*>(this)) return finish(this->cycle());
      between_ = Access::give_away(std::move(between));
      between_->attach(*this);
      return;
    } else if constexpr (kIsStatus<std::remove_cvref_t<Result>>) {
      if (absl::Status status = std::move(*h_)(); !status.ok()) return finish(std::move(status));
    } else if constexpr (kIsStatusOr<std::remove_cvref_t<Result>>) {
      if (absl::Status status = std::move(*h_)().status(); !status.ok()) return finish(std::move(status));
    } else {
      static_cast<void>(std::move(*h_)());
    }
    h_.reset();
    EventLoop::current_or_null()->queue_microtask(*this);
  }

  // With what h did wrong, or else with the outcome that was there before.
  void finish(absl::Status error) {
    State& source = this->source();
    h_.reset();
    if (error.ok()) {
      this->adopt(source);
    } else {
      this->reject(std::move(error));
      source.remove_reference();
    }
    if (between_ != nullptr) between_->remove_reference();
    this->remove_reference();
  }

  void drop() noexcept override {
    h_.reset();
    if (between_ != nullptr) between_->remove_reference();
    this->abandon();
  }
  void destroy() noexcept override { delete this; }

  Step step_ = Step::kCall;
  std::optional<H> h_;
  State* between_ = nullptr;  // What h returned, if it returns promises. Owned, in the sense of a reference.
};

// settled(): the outcome as a value.
template <class T>
class Settled final : public TypedState<Outcome<T>>, public Pooled<Settled<T>> {
 public:
  // Takes over the caller's reference to `source`.
  Settled(TypedState<T>& source, SourceLocation where) : TypedState<Outcome<T>>(source, where) { source.attach(*this); }

 private:
  void run() noexcept override {
    auto& source = static_cast<TypedState<T>&>(this->source());
    if (source.is_rejected()) {
      this->fulfill(source.take_error());
    } else if constexpr (std::is_void_v<T>) {
      this->fulfill(absl::OkStatus());
    } else {
      guarded([&] { this->fulfill(source.take_value()); }, [&] { this->reject_with_current_exception(); });
    }
    source.remove_reference();
    this->remove_reference();
  }
  void drop() noexcept override { this->abandon(); }
  void destroy() noexcept override { delete this; }
};

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_REACTION_H_
