// when_all: all of several promises, side by side. JavaScript's Promise.all, asyncio's gather.
//
//   when_all(std::vector{square(1), square(2), square(3)}).then([](std::vector<int> squares) { ... });   // {1, 4, 9}
//   when_all(fetch_name(), fetch_age()).then([](std::tuple<std::string, int> both) { ... });
//
// Fulfilled when all inputs are, with their values in the order of the inputs, whatever the order in which they came.
// Rejected as soon as one input is, with its error; the others are then cancelled, unless somebody else holds them or
// waits for them.
//
// Calls that stand in the arguments begin in whatever order the compiler chooses (g++: the last one first), in a braced
// list from left to right. Where that matters, let them stand in statements of their own.

#ifndef VOW_PROMISE_WHEN_ALL_H_
#define VOW_PROMISE_WHEN_ALL_H_

#include <cstddef>
#include <initializer_list>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "loop/block_pool.h"
#include "loop/source_location.h"
#include "promise/internal/combinator.h"
#include "promise/promise.h"

namespace vow {

namespace promise_internal {

template <class T>
using AllOf = std::conditional_t<std::is_void_v<T>, void, std::vector<Stored<T>>>;

template <class T>
struct AllOfRange final : OfRange<AllOfRange<T>, T, AllOf<T>> {
  using OfRange<AllOfRange, T, AllOf<T>>::OfRange;

  static bool decides(const State& source) { return source.is_rejected(); }
  void decide(auto& input) { this->reject(input.source().take_error()); }
  void complete() {
    if constexpr (std::is_void_v<T>) {
      this->fulfill();
    } else {
      std::vector<T> values;
      values.reserve(this->input_count());
      for (std::size_t i = 0; i < this->input_count(); ++i) values.push_back(this->source(i).take_value());
      this->fulfill(std::move(values));
    }
  }
};

template <class... Ts>
struct AllOfPack final : OfPack<AllOfPack<Ts...>, std::tuple<AsElement<Ts>...>, Ts...>, Pooled<AllOfPack<Ts...>> {
  AllOfPack(SourceLocation where, Promise<Ts>... promises)
      : OfPack<AllOfPack, std::tuple<AsElement<Ts>...>, Ts...>("when_all", where, std::move(promises)...) {}

  static bool decides(const State& source) { return source.is_rejected(); }
  void decide(auto& input) { this->reject(input.source().take_error()); }
  void complete() { complete(std::index_sequence_for<Ts...>()); }
  template <std::size_t... kIndex>
  void complete(std::index_sequence<kIndex...>) {
    this->fulfill(take_element<Ts>(this->template source<kIndex>())...);
  }
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
  std::vector<Promise<T>> promises = promise_internal::to_vector(std::forward<Range>(range));
  if (!promises.empty()) {
    return promise_internal::Access::make<All>(
        promise_internal::AllOfRange<T>::make("when_all", std::move(promises), where));
  } else if constexpr (std::is_void_v<T>) {
    return resolve(where);
  } else {
    return resolve(All(), where);
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
  return promise_internal::Access::make<
      std::tuple<promise_internal::AsElement<First>, promise_internal::AsElement<Rest>...>>(
      new promise_internal::AllOfPack<First, Rest...>(where, std::move(first), std::move(rest)...));
}

// Not of values, nor of nothing that has a type.
template <class... Arguments>
requires promise_internal::kAreNoInputs<Arguments...> Promise<> when_all(Arguments&&...) {
  static_assert(
      promise_internal::kNever<Promise<>, Arguments...>,
      "when_all(...): the arguments must be promises, or one range of promises; of nothing: std::vector<Promise<T>>()");
  __builtin_unreachable();
}
template <class Element = int>
requires(!promise_internal::kIsPromise<Element>) Promise<> when_all(std::initializer_list<Element> elements) {
  return when_all(elements.begin());
}

}  // namespace vow

#endif  // VOW_PROMISE_WHEN_ALL_H_
