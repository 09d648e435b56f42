// when_any: the first of several promises that is fulfilled. JavaScript's Promise.any.
//
//   when_any(std::vector{ask(mirror_a), ask(mirror_b)}).then([](Page page) { ... });
//
// Fulfilled as soon as one input is, with its value; the others are then cancelled, unless somebody else holds them or
// waits for them. Of inputs that are fulfilled at the same time, the first in the order of the inputs counts. When all
// are rejected, so is this, with one error that has all of theirs: see when_any_errors.

#ifndef VOW_PROMISE_WHEN_ANY_H_
#define VOW_PROMISE_WHEN_ANY_H_

#include <cstddef>
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

// The errors of all inputs, in their order, payloads included, from the one that when_any was rejected with; of any
// other status: none. That one has the code that all of them have, or else Unknown.
std::vector<absl::Status> when_any_errors(const absl::Status& error);

namespace promise_internal {

absl::Status all_rejected(const std::vector<absl::Status>& errors);

// Of a combinator all of whose inputs are rejected.
template <class Combinator>
absl::Status all_rejected(Combinator& combinator) {
  std::vector<absl::Status> errors;
  errors.reserve(combinator.input_count());
  for (std::size_t i = 0; i < combinator.input_count(); ++i) {
    errors.push_back(combinator.inputs()[i].source().take_error());
  }
  return all_rejected(std::as_const(errors));
}

template <class T>
struct AnyOfRange final : OfRange<AnyOfRange<T>, T, T> {
  using OfRange<AnyOfRange, T, T>::OfRange;

  static bool decides(const State& source) { return source.is_fulfilled(); }
  void decide(auto& input) { this->fulfill(static_cast<TypedState<T>&>(input.source()).take_value()); }
  void complete() { this->reject(all_rejected(*this)); }
};

template <class... Ts>
struct AnyOfPack final : OfPack<AnyOfPack<Ts...>, std::variant<AsElement<Ts>...>, Ts...>, Pooled<AnyOfPack<Ts...>> {
  AnyOfPack(SourceLocation where, Promise<Ts>... promises)
      : OfPack<AnyOfPack, std::variant<AsElement<Ts>...>, Ts...>("when_any", where, std::move(promises)...) {}

  static bool decides(const State& source) { return source.is_fulfilled(); }
  void decide(auto& input) {
    this->with_index(input, [this](auto index) {
      this->fulfill(std::in_place_index<index>, take_element(this->template source<index>()));
    });
  }
  void complete() { this->reject(all_rejected(*this)); }
};

}  // namespace promise_internal

// Of a range (a std::vector<Promise<T>>, or anything that a range-for reads): a Promise<T>. Of an empty range: rejected,
// InvalidArgument. From a container that is given away the promises are moved, else copied.
template <promise_internal::RangeOfPromises Range>
Promise<promise_internal::RangeValue<Range>> when_any(Range&& range, SourceLocation where = SourceLocation::current()) {
  using T = promise_internal::RangeValue<Range>;
  std::vector<Promise<T>> promises = promise_internal::to_vector(std::forward<Range>(range));
  if (promises.empty()) return reject<T>(absl::InvalidArgumentError("when_any of no promises"), where);
  return promise_internal::Access::make<T>(
      promise_internal::AnyOfRange<T>::make("when_any", std::move(promises), where));
}
template <class T>
Promise<T> when_any(std::initializer_list<Promise<T>> promises, SourceLocation where = SourceLocation::current()) {
  return when_any(std::vector<Promise<T>>(promises), where);
}

// Of a pack, whatever their types: a Promise<std::variant<...>> of as many alternatives, so that index() tells which one
// it was, with a std::monostate for a promise of void. Where it was made counts as where its first input was.
template <class First, class... Rest>
Promise<std::variant<promise_internal::AsElement<First>, promise_internal::AsElement<Rest>...>> when_any(
    Promise<First> first, Promise<Rest>... rest) {
  const SourceLocation where = promise_internal::Access::use(first, "when_any", SourceLocation::current()).where();
  return promise_internal::Access::make<
      std::variant<promise_internal::AsElement<First>, promise_internal::AsElement<Rest>...>>(
      new promise_internal::AnyOfPack<First, Rest...>(where, std::move(first), std::move(rest)...));
}

// Not of values, nor of nothing that has a type.
template <class... Arguments>
requires promise_internal::kAreNoInputs<Arguments...> Promise<> when_any(Arguments&&...) {
  static_assert(
      promise_internal::kNever<Promise<>, Arguments...>,
      "when_any(...): the arguments must be promises, or one range of promises; of nothing: std::vector<Promise<T>>()");
  __builtin_unreachable();
}
template <class Element = int>
requires(!promise_internal::kIsPromise<Element>) Promise<> when_any(std::initializer_list<Element> elements) {
  return when_any(elements.begin());
}

}  // namespace vow

#endif  // VOW_PROMISE_WHEN_ANY_H_
