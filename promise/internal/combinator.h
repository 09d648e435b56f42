// What the combinators have in common: one state that waits for many. Internal: see promise/when_all.h and its
// neighbours.
//
// A combinator is one block: the state of the promise that it gives, and an input for each promise that it waits for.
// It keeps itself, by one reference, until it is decided. Then it lets go of all inputs, and no input runs any more.

#ifndef VOW_PROMISE_INTERNAL_COMBINATOR_H_
#define VOW_PROMISE_INTERNAL_COMBINATOR_H_

#include <cstddef>
#include <iterator>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "loop/block_pool.h"
#include "promise/internal/reaction.h"
#include "promise/internal/state.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"
#include "promise/promise.h"

namespace vow::promise_internal {

// The reaction of one promise that a combinator waits for. A Combinator is told by input_settled(Input&), or, if its
// loop is closed and the promise will never settle, by input_dropped(Input&).
template <class Combinator>
class Input final : public Job {
 public:
  // Takes over the caller's reference to `source`.
  void wait_for(State& source, Combinator& combinator) {
    source_ = &source;
    combinator_ = &combinator;
    source.attach(*this);
  }

  bool is_waiting() const { return combinator_ != nullptr; }
  State& source() { return *source_; }
  State& take_source() { return *std::exchange(source_, nullptr); }
  void release_source() {
    if (source_ != nullptr) take_source().remove_reference();
  }

  // Its value, if it has not been taken together with its source.
  void mark_seen() {
    if (source_ != nullptr) source_->mark_seen();
  }
  // Whether or not it has settled.
  void let_go(Withdrawal& withdrawal) {
    stop_waiting();
    if (source_ != nullptr) withdrawal.let_go(take_source());
  }
  // The same on a closed loop, where nobody hears of it.
  void let_go() {
    stop_waiting();
    release_source();
  }

 private:
  void stop_waiting() {
    if (std::exchange(combinator_, nullptr) != nullptr) source_->detach(*this);
  }

  void run() noexcept override { std::exchange(combinator_, nullptr)->input_settled(*this); }
  void drop() noexcept override { std::exchange(combinator_, nullptr)->input_dropped(*this); }

  Combinator* combinator_ = nullptr;  // Null when it has settled.
  State* source_ = nullptr;           // Owned, in the sense of a reference.
};

// Self, derived from this, says what makes the difference:
//
//   static bool decides(const State& source)   whether the outcome of this one input settles it all
//   void decide(Input& input)                  then: settles
//   void complete()                            all have come, and none has decided: settles
//
// Until then, each input keeps its source, and so the outcome.
template <class Self, class T>
class Combinator : public TypedState<T> {
 public:
  using Input = promise_internal::Input<Combinator>;

  void input_settled(Input& input) {
    --waiting_;
    if (Self::decides(input.source())) return decide(input);
    if (waiting_ == 0) complete();
  }

  void input_dropped(Input& input) {
    input.release_source();
    if (this->is_pending()) {
      this->reject_closed();
      for_inputs([](Input& other) {
        if (!other.is_waiting()) other.release_source();
      });
    }
    if (--waiting_ == 0) this->remove_reference();
  }

 protected:
  Combinator(std::size_t count, SourceLocation where) : TypedState<T>(where), waiting_(count) { this->add_reference(); }
  ~Combinator() = default;

 private:
  Self& self() { return static_cast<Self&>(*this); }

  template <class F>
  void for_inputs(F&& f) {
    for (std::size_t i = 0; i < self().input_count(); ++i) f(self().inputs()[i]);
  }

  [[gnu::noinline]] void decide(Input& input) {
    {
      Withdrawal withdrawal(*this, not_needed("another promise has decided what this one was for"));
      guarded([&] { self().decide(input); }, [this] { this->reject_with_current_exception(); });
      input.mark_seen();
      for_inputs([&](Input& other) { other.let_go(withdrawal); });
      withdrawal.stop();
    }
    this->remove_reference();
  }

  [[gnu::noinline]] void complete() {
    guarded([this] { self().complete(); }, [this] { this->reject_with_current_exception(); });
    for_inputs([](Input& input) { input.release_source(); });
    this->remove_reference();
  }

  void stop(Withdrawal& withdrawal) noexcept override {
    this->be_cancelled(withdrawal.reason());
    for_inputs([&](Input& input) { input.let_go(withdrawal); });
    this->remove_reference();
  }

  // It waits by its inputs; as a job of its own it is never queued.
  void run() noexcept override {}

  std::size_t waiting_;
};

// For a range of promises of T: the inputs follow the state, in one block.
template <class Self, class T, class Value>
class OfRange : public Combinator<Self, Value> {
  using Base = Combinator<Self, Value>;

 public:
  using typename Base::Input;

  // Of at least one promise.
  static Self* make(const char* call, std::vector<Promise<T>> promises, SourceLocation where) {
    for (const Promise<T>& promise : promises) Access::use(promise, call, where);
    void* block = allocate_block_for<Self>(bytes(promises.size()));
    auto* state = new (block) Self(promises.size(), where);
    for (std::size_t i = 0; i < promises.size(); ++i) {
      auto* input = new (state->inputs() + i) Input;
      input->wait_for(*Access::give_away(std::move(promises[i])), *state);
    }
    return state;
  }

  Input* inputs() { return reinterpret_cast<Input*>(static_cast<Self*>(this) + 1); }
  std::size_t input_count() const { return count_; }

 protected:
  OfRange(std::size_t count, SourceLocation where) : Base(count, where), count_(count) {}
  ~OfRange() = default;

  TypedState<T>& source(std::size_t i) { return static_cast<TypedState<T>&>(inputs()[i].source()); }

 private:
  static std::size_t bytes(std::size_t count) { return sizeof(Self) + count * sizeof(Input); }

  void destroy() noexcept override {
    this->destroy_in_turn([this] {
      const std::size_t size = bytes(count_);
      auto* self = static_cast<Self*>(this);
      self->~Self();
      free_block_for<Self>(self, size);
    });
  }

  std::size_t count_;
};

// For a pack of promises.
template <class Self, class Value, class... Ts>
class OfPack : public Combinator<Self, Value> {
  using Base = Combinator<Self, Value>;

 public:
  using typename Base::Input;

  Input* inputs() { return inputs_; }
  std::size_t input_count() const { return sizeof...(Ts); }

 protected:
  OfPack(const char* call, SourceLocation where, Promise<Ts>... promises) : Base(sizeof...(Ts), where) {
    (Access::use(promises, call, where), ...);
    std::size_t i = 0;
    (inputs_[i++].wait_for(*Access::give_away(std::move(promises)), *this), ...);
  }
  ~OfPack() = default;

  template <std::size_t kIndex>
  auto& source() {
    using T = std::tuple_element_t<kIndex, std::tuple<TypeIdentity<Ts>...>>;
    return static_cast<TypedState<typename T::Type>&>(inputs_[kIndex].source());
  }

  // Calls f with std::integral_constant of the place of this input.
  template <class F>
  void with_index(const Input& input, F&& f) {
    with_index(static_cast<std::size_t>(&input - inputs_), f, std::index_sequence_for<Ts...>());
  }

 private:
  template <class T>
  struct TypeIdentity {
    using Type = T;
  };

  template <class F, std::size_t... kIndex>
  void with_index(std::size_t i, F& f, std::index_sequence<kIndex...>) {
    static_cast<void>(((kIndex == i && (f(std::integral_constant<std::size_t, kIndex>()), true)) || ...));
  }

  void destroy() noexcept override { this->destroy_block(static_cast<Self*>(this)); }

  Input inputs_[sizeof...(Ts)];
};

// A void among other values.
template <class T>
using AsElement = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

// The value of a settled state, as an element.
template <class T>
AsElement<T> take_element(TypedState<T>& state) {
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return state.take_value();
  }
}

// A range of promises, as a combinator takes it: a container that is given away is emptied, from any other the promises
// are copied.
template <class Range>
using RangeElement = std::remove_cvref_t<decltype(*std::begin(std::declval<Range&>()))>;

template <class Range>
concept RangeOfPromises = requires(Range& range) {
  std::begin(range);
  std::end(range);
  requires kIsPromise<RangeElement<Range>>;
};

// What is given to a combinator by mistake: neither promises nor a range of them.
template <class... Arguments>
inline constexpr bool kAreNoInputs = true;
template <class First, class... Rest>
inline constexpr bool kAreNoInputs<First, Rest...> =
    !RangeOfPromises<First> &&
    !(kIsPromise<std::remove_cvref_t<First>> && (kIsPromise<std::remove_cvref_t<Rest>> && ...));

template <RangeOfPromises Range>
using RangeValue = typename RangeElement<Range>::value_type;

template <RangeOfPromises Range>
std::vector<RangeElement<Range>> to_vector(Range&& range) {
  if constexpr (std::is_lvalue_reference_v<Range> && !std::is_copy_constructible_v<RangeElement<Range>>) {
    static_assert(kNever<Range>,
                  "a combinator of a range that is kept would have to copy promises that cannot be copied: "
                  "give it away, by std::move(range)");
    __builtin_unreachable();
  } else if constexpr (std::is_same_v<Range, std::vector<RangeElement<Range>>>) {
    return std::forward<Range>(range);
  } else {
    std::vector<RangeElement<Range>> promises;
    for (auto&& promise : range) {
      if constexpr (std::is_lvalue_reference_v<Range>) {
        promises.push_back(promise);
      } else {
        promises.push_back(std::move(promise));
      }
    }
    return promises;
  }
}

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_COMBINATOR_H_
