// all_settled: the outcomes of several promises, whatever they are. JavaScript's Promise.allSettled, asyncio's
// gather(return_exceptions=True).
//
//   all_settled(std::vector{fetch(a), fetch(b)}).then([](std::vector<absl::StatusOr<Page>> pages) { ... });
//
// Fulfilled when all inputs have settled, with an absl::StatusOr<T> for each (for a promise of void, an absl::Status), in
// the order of the inputs. Never rejected, unless it is cancelled.

#ifndef VOW_PROMISE_ALL_SETTLED_H_
#define VOW_PROMISE_ALL_SETTLED_H_

#include <cstddef>
#include <initializer_list>
#include <tuple>
#include <utility>
#include <vector>

#include "loop/block_pool.h"
#include "loop/source_location.h"
#include "promise/internal/combinator.h"
#include "promise/promise.h"

namespace vow {

namespace promise_internal {

template <class T>
struct SettledOfRange final : OfRange<SettledOfRange<T>, T, std::vector<Outcome<T>>> {
  using OfRange<SettledOfRange, T, std::vector<Outcome<T>>>::OfRange;

  static bool decides(const State&) { return false; }
  void decide(auto&) {}
  void complete() {
    std::vector<Outcome<T>> outcomes;
    outcomes.reserve(this->input_count());
    for (std::size_t i = 0; i < this->input_count(); ++i) outcomes.push_back(take_outcome(this->source(i)));
    this->fulfill(std::move(outcomes));
  }
};

template <class... Ts>
struct SettledOfPack final : OfPack<SettledOfPack<Ts...>, std::tuple<Outcome<Ts>...>, Ts...>,
                             Pooled<SettledOfPack<Ts...>> {
  SettledOfPack(SourceLocation where, Promise<Ts>... promises)
      : OfPack<SettledOfPack, std::tuple<Outcome<Ts>...>, Ts...>("all_settled", where, std::move(promises)...) {}

  static bool decides(const State&) { return false; }
  void decide(auto&) {}
  void complete() { complete(std::index_sequence_for<Ts...>()); }
  template <std::size_t... kIndex>
  void complete(std::index_sequence<kIndex...>) {
    this->fulfill(take_outcome<Ts>(this->template source<kIndex>())...);
  }
};

}  // namespace promise_internal

// Of a range (a std::vector<Promise<T>>, or anything that a range-for reads). Of an empty range: fulfilled. From a
// container that is given away the promises are moved, else copied.
template <promise_internal::RangeOfPromises Range>
Promise<std::vector<promise_internal::Outcome<promise_internal::RangeValue<Range>>>> all_settled(
    Range&& range, SourceLocation where = SourceLocation::current()) {
  using T = promise_internal::RangeValue<Range>;
  using All = std::vector<promise_internal::Outcome<T>>;
  std::vector<Promise<T>> promises = promise_internal::to_vector(std::forward<Range>(range));
  if (promises.empty()) return resolve(All(), where);
  return promise_internal::Access::make<All>(
      promise_internal::SettledOfRange<T>::make("all_settled", std::move(promises), where));
}
template <class T>
Promise<std::vector<promise_internal::Outcome<T>>> all_settled(std::initializer_list<Promise<T>> promises,
                                                               SourceLocation where = SourceLocation::current()) {
  return all_settled(std::vector<Promise<T>>(promises), where);
}

// Of a pack, whatever their types: a tuple of outcomes. Where it was made counts as where its first input was.
template <class First, class... Rest>
Promise<std::tuple<promise_internal::Outcome<First>, promise_internal::Outcome<Rest>...>> all_settled(
    Promise<First> first, Promise<Rest>... rest) {
  const SourceLocation where = promise_internal::Access::use(first, "all_settled", SourceLocation::current()).where();
  return promise_internal::Access::make<
      std::tuple<promise_internal::Outcome<First>, promise_internal::Outcome<Rest>...>>(
      new promise_internal::SettledOfPack<First, Rest...>(where, std::move(first), std::move(rest)...));
}

// Not of values, nor of nothing that has a type.
template <class... Arguments>
requires promise_internal::kAreNoInputs<Arguments...> Promise<> all_settled(Arguments&&...) {
  static_assert(promise_internal::kNever<Promise<>, Arguments...>,
                "all_settled(...): the arguments must be promises, or one range of promises; of nothing: "
                "std::vector<Promise<T>>()");
  __builtin_unreachable();
}
template <class Element = int>
requires(!promise_internal::kIsPromise<Element>) Promise<> all_settled(std::initializer_list<Element> elements) {
  return all_settled(elements.begin());
}

}  // namespace vow

#endif  // VOW_PROMISE_ALL_SETTLED_H_
