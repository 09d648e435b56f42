// The states that `then` and its like make: each is the promise that the call gives, and the reaction of the one that
// it was called on, in one block. Internal: the header to read is promise/promise.h.

#ifndef VOW_PROMISE_INTERNAL_REACTION_H_
#define VOW_PROMISE_INTERNAL_REACTION_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "loop/block_pool.h"
#include "promise/internal/producer.h"
#include "promise/internal/state.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"

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

// The outcome of a settled state, as a value.
template <class T>
Outcome<T> take_outcome(TypedState<T>& state) {
  if (state.is_rejected()) return state.take_error();
  if constexpr (std::is_void_v<T>) {
    return absl::OkStatus();
  } else {
    return state.take_value();
  }
}

// Calls f with the value of a fulfilled state, on loan or for good as Argument says, or with nothing if it takes
// nothing.
template <class Argument, class F, class T>
std::remove_cvref_t<CallResult<F, Argument>> call_with_value(F& f, [[maybe_unused]] TypedState<T>& state) {
  state.mark_seen();
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

// Whether a callback is of no use once it has returned a promise, so that its state may be skipped (State::skip_unseen):
// it has nothing to destroy, and is too small to be the buffer of something that is still under way.
template <class F>
inline constexpr bool kIsSlight = std::is_trivially_copyable_v<F> && sizeof(F) <= 2 * sizeof(void*);

// Whether one of the callbacks returns a promise.
template <class Argument, class F, class G>
inline constexpr bool kMayFollow = kIsPromise<std::remove_cvref_t<CallResult<F, Argument>>> ||
                                   kIsPromise<std::remove_cvref_t<CallResult<G, absl::Status>>>;

// then(f), catch_(g), then(f, g): a Promise<U> made of a Promise<T>. Argument is what f is offered.
template <class T, class U, class Argument, class F, class G>
class Then final : public std::conditional_t<kMayFollow<Argument, F, G>, FollowingState<U>, TypedState<U>>,
                   public Pooled<Then<T, U, Argument, F, G>> {
  static constexpr bool kFollows = kMayFollow<Argument, F, G>;
  using Base = std::conditional_t<kFollows, FollowingState<U>, TypedState<U>>;

 public:
  // Takes over the caller's reference to `source`.
  template <class F1, class G1>
  Then(TypedState<T>& source, F1&& f, G1&& g, SourceLocation where)
      : Base(source, where), f_(std::forward<F1>(f)), g_(std::forward<G1>(g)) {
    source.attach(*this);
  }

  // For a source that is fulfilled already: the same, but `call_now` is to follow.
  struct Now {};
  template <class F1>
  Then(Now, TypedState<T>& source, F1&& f, SourceLocation where)
      : Base(source, where), f_(std::forward<F1>(f)), g_(PassThrough()) {}
  void call_now() { react(); }

 private:
  static constexpr bool kHandlesValue = !std::is_same_v<F, PassThrough>;
  static constexpr bool kHandlesError = !std::is_same_v<G, PassThrough>;

  void run() noexcept override {
    if constexpr (kFollows) {
      if (this->is_following()) {
        if (this->follow_step()) adopt_inner();
      } else {
        react_apart();
      }
    } else {
      react();
    }
  }

  // Apart from `run`, so that its other steps need not save the registers that these need.
  [[gnu::noinline]] void adopt_inner() { finish(this->take_source()); }
  [[gnu::noinline]] void react_apart() {
    if (this->is_pending()) [[likely]]
      return react();
    clear();  // It was stopped before; now the coroutine that the callback has started has ended.
    this->remove_reference();
  }

  void react() {
    auto& source = static_cast<TypedState<T>&>(this->take_source());
    if (!source.is_fulfilled()) return run_rejected(source);
    if constexpr (kHandlesValue) {
      settle_by([&] { return call_with_value<Argument>(f_.get(), source); });
      release();
      source.remove_reference();  // Last, for the destructor of the value may cancel this.
    } else {
      finish(source);
    }
  }

  [[gnu::noinline]] void run_rejected(State& source) {
    if constexpr (kHandlesError) {
      settle_by([&] { return call_with_error(g_.get(), source); });
      release();
      source.remove_reference();
    } else {
      finish(source);
    }
  }

  // A callback is destroyed before the reactions to its result run: at once, or, if it returned a promise, when that
  // has settled. It may cancel this promise, and so may what it destroys: then the result is dropped.
  template <class Call>
  void settle_by(Call&& call) {
    using Result = decltype(call());
    bool cleared = false;
    auto clear_once = [&] {
      if (!std::exchange(cleared, true)) clear();
      return this->is_pending();
    };
    guarded(
        [&] {
          if constexpr (std::is_void_v<Result>) {
            call();
            if (clear_once()) this->fulfill();
          } else if constexpr (kIsPromise<Result>) {
            const bool is_needed = follow_result(call());
            if (!is_needed) clear_once();
          } else {
            Result&& result = call();
            if (clear_once()) this->resolve_with(std::forward<Result>(result));
          }
        },
        [&] {
          if (clear_once()) this->reject_with_current_exception();
        });
  }

  // Whether the callback is needed still.
  bool follow_result(Promise<U> result) {
    if (!this->is_pending()) return drop_result(std::move(result));
    this->resolve_with_promise(std::move(result));
    return this->is_following();
  }
  [[gnu::noinline]] bool drop_result(Promise<U> result) {
    State* inner = Access::give_away(std::move(result));
    if (inner == nullptr) return false;
    {
      Withdrawal withdrawal(*this, this->error());
      withdrawal.let_go(*inner);
      inner->add_reference();
      withdrawal.stop();
    }
    return State::is_needed_by(inner, *this, *this);
  }

  // With the outcome of `source`.
  void finish(State& source) {
    clear();
    if (this->is_pending()) {
      this->adopt(source);
    } else {
      source.remove_reference();
    }
    this->remove_reference();
  }

  void release() {
    if constexpr (kFollows) {
      if (this->is_following()) return;
    }
    this->remove_reference();
  }

  bool may_be_skipped() const noexcept override { return kIsSlight<F> && kIsSlight<G>; }
  void clear() noexcept override {
    f_.clear();
    g_.clear();
  }
  void clear_stopped() noexcept override {
    if constexpr (kFollows) {
      if (State::is_needed_by(this->left_, *this, *this)) return;
    }
    clear();
  }
  void stop(Withdrawal& withdrawal) noexcept override {
    if constexpr (kFollows) {
      State* const followed = this->is_following() ? &this->source() : nullptr;
      this->stop_waiting(withdrawal);
      if (followed != nullptr) followed->add_reference();
      this->left_ = followed;
    } else {
      this->stop_waiting(withdrawal);
    }
  }
  void destroy() noexcept override { this->destroy_block(this); }

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

  // While something of the user's runs, this is in no queue, and may be cancelled.
  void run() noexcept override {
    if (!this->is_pending()) [[unlikely]] {  // Stopped before; now the coroutine that h has started has ended.
      h_.reset();
      return this->remove_reference();
    }
    State& source = this->take_source();
    switch (step_) {
      case Step::kCall:
        step_ = Step::kSettleBetween;
        return call(source);
      case Step::kSettleBetween:
        step_ = Step::kAdopt;
        h_.reset();
        if (!this->is_pending()) return finish(source);
        this->put_source_back(source);
        EventLoop::current_or_null()->queue_microtask(*this);
        return;
      case Step::kAdopt:
        return finish(source);
    }
  }

  void call(State& source) {
    State* between = nullptr;
    guarded([&] { between = call_h(); }, [this] { error_ = status_of_current_exception(); });
    if (between == nullptr) h_.reset();
    if (between != nullptr && (between == this || this->would_close_cycle(*between))) {
      between->remove_reference();
      between = nullptr;
      error_ = this->cycle();
    }
    if (!error_.ok()) return finish(source);
    if (between == nullptr) {
      if (!this->is_pending()) return finish(source);
      this->put_source_back(source);
      EventLoop::current_or_null()->queue_microtask(*this);
    } else {
      passed_by_ = &source;
      if (!this->is_pending()) return finish(*between);
      this->put_source_back(*between);
      between->attach(*this);
    }
  }

  // Gives what h returned, if that is a promise.
  State* call_h() {
    if constexpr (kIsPromise<std::remove_cvref_t<Result>>) {
      Promise<Unwrapped<Result>> between = std::move(*h_)();
      Access::use(between, "finally", this->where());
      return Access::give_away(std::move(between));
    } else if constexpr (kIsStatus<std::remove_cvref_t<Result>>) {
      error_ = std::move(*h_)();
    } else if constexpr (kIsStatusOr<std::remove_cvref_t<Result>>) {
      error_ = std::move(*h_)().status();
    } else {
      static_cast<void>(std::move(*h_)());
    }
    return nullptr;
  }

  // `last` is what this has waited for: the source, or what h returned.
  void finish(State& last) {
    if (!this->is_pending()) return finish_cancelled(last);
    h_.reset();
    if (!this->is_pending()) return finish_cancelled(last);
    if (!error_.ok()) {
      this->reject(std::move(error_));
      last.remove_reference();
    } else if (passed_by_ == nullptr) {
      this->adopt(last);
    } else {
      settle_after(last);
    }
    this->remove_reference();
  }

  void finish_cancelled(State& last) {
    {
      Withdrawal withdrawal(*this, this->error());
      withdrawal.let_go(last);
      last.add_reference();
      if (passed_by_ != nullptr) withdrawal.let_go(*std::exchange(passed_by_, nullptr));
      withdrawal.stop();
    }
    if (!State::is_needed_by(&last, *this, *this)) h_.reset();
    this->remove_reference();
  }

  // With what became of h's promise, if that is an error, or else with the outcome that was there before.
  void settle_after(State& between) {
    if (between.is_rejected()) {
      this->reject(between.take_error());
      passed_by_->remove_reference();
    } else {
      this->adopt(*passed_by_);
    }
    between.remove_reference();
  }

  void stop(Withdrawal& withdrawal) noexcept override {
    if (this->is_running()) return this->stop_waiting(withdrawal);
    State* const between = passed_by_ != nullptr ? &this->source() : nullptr;
    this->stop_waiting(withdrawal);
    if (between == nullptr) return;
    between->add_reference();
    withdrawal.let_go(*std::exchange(passed_by_, between));
  }
  void clear() noexcept override { h_.reset(); }
  void clear_stopped() noexcept override {
    if (!State::is_needed_by(std::exchange(passed_by_, nullptr), *this, *this)) h_.reset();
  }
  void drop() noexcept override {
    State* passed_by = std::exchange(passed_by_, nullptr);
    State::drop();
    if (passed_by != nullptr) passed_by->remove_reference();
  }
  void destroy() noexcept override { this->destroy_block(this); }

  Step step_ = Step::kCall;
  std::optional<H> h_;
  absl::Status error_;  // What h did wrong.
  // The source, once it has settled, while this waits for what h returned; or, when it was stopped then, what h returned.
  // Owned, in the sense of a reference.
  State* passed_by_ = nullptr;
};

// settled(): the outcome as a value.
template <class T>
class Settled final : public TypedState<Outcome<T>>, public Pooled<Settled<T>> {
 public:
  // Takes over the caller's reference to `source`.
  Settled(TypedState<T>& source, SourceLocation where) : TypedState<Outcome<T>>(source, where) { source.attach(*this); }

 private:
  void run() noexcept override {
    auto& source = static_cast<TypedState<T>&>(this->take_source());
    guarded([&] { this->fulfill(take_outcome(source)); }, [&] { this->reject_with_current_exception(); });
    source.remove_reference();
    this->remove_reference();
  }
  void stop(Withdrawal& withdrawal) noexcept override { this->stop_waiting(withdrawal); }
  void destroy() noexcept override { this->destroy_block(this); }
};

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_REACTION_H_
