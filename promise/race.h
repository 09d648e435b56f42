// race: the first of several promises that settles, either way. JavaScript's Promise.race.
//
//   race(std::vector{answer(), cancel_button()}).then([](Answer answer) { ... });
//
// Settles as the first input does; the others are then cancelled, unless somebody else holds them or waits for them. Of
// inputs that settle at the same time, the first in the order of the inputs counts. For a limit in time, with_timeout
// says it better.

#ifndef VOW_PROMISE_RACE_H_
#define VOW_PROMISE_RACE_H_

#include <initializer_list>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "loop/block_pool.h"
#include "loop/source_location.h"
#include "promise/internal/combinator.h"
#include "promise/promise.h"

namespace vow {

namespace promise_internal {

template <class T>
struct RaceOfRange final : OfRange<RaceOfRange<T>, T, T> {
  using OfRange<RaceOfRange, T, T>::OfRange;

  static bool decides(const State&) { return true; }
  void decide(auto& input) { this->adopt(input.take_source()); }
  void complete() {}
};

template <class... Ts>
struct RaceOfPack final : OfPack<RaceOfPack<Ts...>, std::variant<AsElement<Ts>...>, Ts...>, Pooled<RaceOfPack<Ts...>> {
  RaceOfPack(SourceLocation where, Promise<Ts>... promises)
      : OfPack<RaceOfPack, std::variant<AsElement<Ts>...>, Ts...>("race", where, std::move(promises)...) {}

  static bool decides(const State&) { return true; }
  void decide(auto& input) {
    if (input.source().is_rejected()) return this->reject(input.source().take_error());
    this->with_index(input, [this](auto index) {
      this->fulfill(std::in_place_index<index>, take_element(this->template source<index>()));
    });
  }
  void complete() {}
};

}  // namespace promise_internal

// Of a range (a std::vector<Promise<T>>, or anything that a range-for reads): a Promise<T>. Of an empty range: rejected,
// InvalidArgument; JavaScript's would be pending for ever. From a container that is given away the promises are moved,
// else copied.
template <promise_internal::RangeOfPromises Range>
Promise<promise_internal::RangeValue<Range>> race(Range&& range, SourceLocation where = SourceLocation::current()) {
  using T = promise_internal::RangeValue<Range>;
  std::vector<Promise<T>> promises = promise_internal::to_vector(std::forward<Range>(range));
  if (promises.empty()) return reject<T>(absl::InvalidArgumentError("race of no promises"), where);
  return promise_internal::Access::make<T>(promise_internal::RaceOfRange<T>::make("race", std::move(promises), where));
}
template <class T>
Promise<T> race(std::initializer_list<Promise<T>> promises, SourceLocation where = SourceLocation::current()) {
  return race(std::vector<Promise<T>>(promises), where);
}

// Of a pack, whatever their types: a Promise<std::variant<...>> of as many alternatives, so that index() tells which one
// it was, with a std::monostate for a promise of void. Where it was made counts as where its first input was.
template <class First, class... Rest>
Promise<std::variant<promise_internal::AsElement<First>, promise_internal::AsElement<Rest>...>> race(
    Promise<First> first, Promise<Rest>... rest) {
  const SourceLocation where = promise_internal::Access::use(first, "race", SourceLocation::current()).where();
  return promise_internal::Access::make<
      std::variant<promise_internal::AsElement<First>, promise_internal::AsElement<Rest>...>>(
      new promise_internal::RaceOfPack<First, Rest...>(where, std::move(first), std::move(rest)...));
}

// Not of values, nor of nothing that has a type.
template <class... Arguments>
requires promise_internal::kAreNoInputs<Arguments...> Promise<> race(Arguments&&...) {
  static_assert(
      promise_internal::kNever<Promise<>, Arguments...>,
      "race(...): the arguments must be promises, or one range of promises; of nothing: std::vector<Promise<T>>()");
  __builtin_unreachable();
}
template <class Element = int>
requires(!promise_internal::kIsPromise<Element>) Promise<> race(std::initializer_list<Element> elements) {
  return race(elements.begin());
}

}  // namespace vow

#endif  // VOW_PROMISE_RACE_H_
