// when_all: all of several promises, side by side. JavaScript's Promise.all, asyncio's gather.
//
//   when_all(std::vector{square(1), square(2), square(3)}).then([](std::vector<int> squares) { ... });   // {1, 4, 9}
//   when_all(fetch_name(), fetch_age()).then([](std::tuple<std::string, int> both) { ... });
//
// Fulfilled when all inputs are, with their values in the order of the inputs, whatever the order in which they came.
// Rejected as soon as one input is, with its error; the other inputs go on, and their outcomes are dropped.

#ifndef VOW_PROMISE_WHEN_ALL_H_
#define VOW_PROMISE_WHEN_ALL_H_

#include <cstddef>
#include <initializer_list>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "loop/block_pool.h"
#include "loop/source_location.h"
#include "promise/internal/combinator.h"
#include "promise/promise.h"

namespace vow {

namespace promise_internal {

// What there is to both forms. Self has inputs(), input_count(), and collect(), which fulfills. Until all inputs are
// fulfilled, each keeps its source, and so the value.
template <class Self, class T>
class WhenAll : public TypedState<T> {
 public:
  using Input = promise_internal::Input<WhenAll>;

  void input_settled(Input& input) {
    if (this->is_pending()) {
      if (input.source().is_fulfilled() && --missing_ > 0) return this->remove_reference();
      finish(input.source());
    } else {
      input.release_source();
    }
    this->remove_reference();
  }

  void input_dropped(Input& input) {
    input.release_source();
    if (this->is_pending()) {
      this->reject_closed();
      release_settled_sources();
    }
    this->remove_reference();
  }

 protected:
  WhenAll(std::size_t count, SourceLocation where) : TypedState<T>(where), missing_(count) {}
  ~WhenAll() = default;

  // Takes over the caller's reference to `source`. Each input that waits has a reference to this.
  void wait_for(Input& input, State& source) {
    this->add_reference();
    input.wait_for(source, *this);
  }

 private:
  Self& self() { return static_cast<Self&>(*this); }

  // `last` decided it: it is rejected, or all others were fulfilled before it.
  [[gnu::noinline]] void finish(State& last) {
    if (last.is_rejected()) {
      this->reject(last.take_error());
    } else {
      guarded([this] { self().collect(); }, [this] { this->reject_with_current_exception(); });
    }
    release_settled_sources();
  }

  void release_settled_sources() {
    for (std::size_t i = 0; i < self().input_count(); ++i) {
      Input& input = self().inputs()[i];
      if (!input.is_waiting()) input.release_source();
    }
  }

  // It waits by its inputs; as a job of its own it is never queued.
  void run() noexcept override {}
  void drop() noexcept override {}

  std::size_t missing_;
};

template <class T>
using AllOf = std::conditional_t<std::is_void_v<T>, void, std::vector<Stored<T>>>;

// For a range: the inputs follow the state, in one block.
template <class T>
class WhenAllOfRange final : public WhenAll<WhenAllOfRange<T>, AllOf<T>> {
  using Base = WhenAll<WhenAllOfRange, AllOf<T>>;
  using typename Base::Input;

 public:
  static WhenAllOfRange* make(std::vector<Promise<T>> promises, SourceLocation where) {
    void* block = allocate_block(bytes(promises.size()));
    auto* state = new (block) WhenAllOfRange(promises.size(), where);
    for (std::size_t i = 0; i < promises.size(); ++i) {
      Access::use(promises[i], "when_all", where);
      state->wait_for(state->inputs()[i], *Access::give_away(std::move(promises[i])));
    }
    return state;
  }

 private:
  WhenAllOfRange(std::size_t count, SourceLocation where) : Base(count, where), count_(count) {
    for (std::size_t i = 0; i < count; ++i) new (inputs() + i) Input;
  }
  static std::size_t bytes(std::size_t count) { return sizeof(WhenAllOfRange) + count * sizeof(Input); }

  friend Base;

  Input* inputs() { return reinterpret_cast<Input*>(this + 1); }
  std::size_t input_count() const { return count_; }

  void collect() {
    if constexpr (std::is_void_v<T>) {
      this->fulfill();
    } else {
      std::vector<T> values;
      values.reserve(count_);
      for (std::size_t i = 0; i < count_; ++i) {
        values.push_back(static_cast<TypedState<T>&>(inputs()[i].source()).take_value());
      }
      this->fulfill(std::move(values));
    }
  }

  void destroy() noexcept override {
    const std::size_t size = bytes(count_);
    this->~WhenAllOfRange();
    free_block(this, size);
  }

  std::size_t count_;
};

// For a pack. A void has std::monostate for its value.
template <class T>
using AsElement = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class... Ts>
class WhenAllOfPack final : public WhenAll<WhenAllOfPack<Ts...>, std::tuple<AsElement<Ts>...>>,
                            public Pooled<WhenAllOfPack<Ts...>> {
  using Base = WhenAll<WhenAllOfPack, std::tuple<AsElement<Ts>...>>;
  using typename Base::Input;

 public:
  WhenAllOfPack(SourceLocation where, Promise<Ts>... promises) : Base(sizeof...(Ts), where) {
    (Access::use(promises, "when_all", where), ...);
    std::size_t i = 0;
    (Base::wait_for(inputs_[i++], *Access::give_away(std::move(promises))), ...);
  }

 private:
  friend Base;

  Input* inputs() { return inputs_; }
  std::size_t input_count() const { return sizeof...(Ts); }

  void collect() { collect(std::index_sequence_for<Ts...>()); }
  template <std::size_t... kIndex>
  void collect(std::index_sequence<kIndex...>) {
    this->fulfill(value_of<Ts>(inputs_[kIndex].source())...);
  }
  template <class T>
  static AsElement<T> value_of(State& source) {
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return static_cast<TypedState<T>&>(source).take_value();
    }
  }

  void destroy() noexcept override { delete this; }

  Input inputs_[sizeof...(Ts)];
};

}  // namespace promise_internal

// Of a range (a std::vector<Promise<T>>, or anything that a range-for reads): a Promise<std::vector<T>>; for promises
// of void a Promise<void>. Of an empty range: fulfilled. From a container that is given away the promises are moved,
// else copied.
template <promise_internal::RangeOfPromises Range>
Promise<promise_internal::AllOf<promise_internal::RangeValue<Range>>> when_all(
    Range&& range, SourceLocation where = SourceLocation::current()) {
  using T = promise_internal::RangeValue<Range>;
  using All = promise_internal::AllOf<T>;
  if constexpr (std::is_lvalue_reference_v<Range> && !std::is_copy_constructible_v<Promise<T>>) {
    static_assert(promise_internal::kNever<Range>,
                  "when_all(range) would have to copy promises that cannot be copied: say when_all(std::move(range))");
    __builtin_unreachable();
  } else {
    std::vector<Promise<T>> promises = promise_internal::to_vector(std::forward<Range>(range));
    if (!promises.empty()) {
      auto* state = promise_internal::WhenAllOfRange<T>::make(std::move(promises), where);
      return promise_internal::Access::make<All>(state);
    } else if constexpr (std::is_void_v<T>) {
      return resolve(where);
    } else {
      return resolve(All(), where);
    }
  }
}
template <class T>
Promise<promise_internal::AllOf<T>> when_all(std::initializer_list<Promise<T>> promises,
                                             SourceLocation where = SourceLocation::current()) {
  return when_all(std::vector<Promise<T>>(promises), where);
}

// Of a pack, whatever their types: a Promise<std::tuple<...>>, with a std::monostate for a promise of void. Where it
// was made counts as where its first input was: a pack leaves no room for more.
template <class First, class... Rest>
Promise<std::tuple<promise_internal::AsElement<First>, promise_internal::AsElement<Rest>...>> when_all(
    Promise<First> first, Promise<Rest>... rest) {
  const SourceLocation where = promise_internal::Access::use(first, "when_all", SourceLocation::current()).where();
  auto* state = new promise_internal::WhenAllOfPack<First, Rest...>(where, std::move(first), std::move(rest)...);
  return promise_internal::Access::make<
      std::tuple<promise_internal::AsElement<First>, promise_internal::AsElement<Rest>...>>(state);
}

}  // namespace vow

#endif  // VOW_PROMISE_WHEN_ALL_H_
