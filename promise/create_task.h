// create_task: calls something in a later turn of the loop. asyncio's create_task.
//
//   Promise<> task = create_task(print_values, std::vector{1, 3, 5}, absl::Milliseconds(200));
//   std::puts("first");
//   co_await task;

#ifndef VOW_PROMISE_CREATE_TASK_H_
#define VOW_PROMISE_CREATE_TASK_H_

#include <cstddef>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "loop/source_location.h"
#include "promise/internal/result_of.h"
#include "promise/internal/scope.h"
#include "promise/promise.h"
#include "promise/yield.h"

namespace vow {

namespace promise_internal {

// Stands for an argument that was not given.
struct NoArgument {};

// f, to be called once, with arguments that are its own from here on, in the scope of whoever has made this.
template <class F, class... Arguments>
class BoundCall {
  static constexpr std::size_t kGiven = (0 + ... + !std::is_same_v<Arguments, NoArgument>);

  template <class Indices>
  struct Call;
  template <std::size_t... kIndex>
  struct Call<std::index_sequence<kIndex...>> {
    static constexpr bool kFits = std::is_invocable_v<F, std::tuple_element_t<kIndex, std::tuple<Arguments...>>...>;
    static decltype(auto) call(BoundCall& bound) {
      return std::invoke(std::move(bound.f_), std::get<kIndex>(std::move(bound.arguments_))...);
    }
  };
  using CallGiven = Call<std::make_index_sequence<kGiven>>;

 public:
  template <class F1, class... Arguments1>
  explicit BoundCall(F1&& f, Arguments1&&... arguments)
      : f_(std::forward<F1>(f)), arguments_(std::forward<Arguments1>(arguments)...), scope_(Scope::current()) {}

  decltype(auto) operator()() requires CallGiven::kFits {
    const Scope::Entered entered(scope_.get());
    return CallGiven::call(*this);
  }

 private:
  F f_;
  std::tuple<Arguments...> arguments_;
  Scope::Reference scope_;  // Has a destructor, so that a `then` keeps this until what f has returned has settled.
};

template <class F, class... Arguments>
using BoundCallOf = BoundCall<std::decay_t<F>, std::decay_t<Arguments>...>;

template <class F, class... Arguments>
using TaskValue = ThenValue<BoundCallOf<F, Arguments...>, void>;

}  // namespace promise_internal

// Calls f with the arguments, up to four of them, in a later turn of the loop; tasks begin in the order in which they
// were created. Gives the promise of what f returns, as `then` does. f and the arguments are copied, or moved, and live
// until that promise has settled: so f may be a coroutine lambda that captures something, and a coroutine that takes
// references. f gets the arguments as its own, T&&. Cancelled before its turn, f is not called.
template <class F, class A = promise_internal::NoArgument, class B = promise_internal::NoArgument,
          class C = promise_internal::NoArgument, class D = promise_internal::NoArgument>
Promise<promise_internal::TaskValue<F, A, B, C, D>> create_task(F&& f, A&& a = {}, B&& b = {}, C&& c = {}, D&& d = {},
                                                                SourceLocation where = SourceLocation::current()) {
  using Call = promise_internal::BoundCallOf<F, A, B, C, D>;
  if constexpr (promise_internal::kTakes<Call, void>) {
    return yield(where).then(
        Call(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b), std::forward<C>(c), std::forward<D>(d)),
        where);
  } else {
    static_assert(promise_internal::kNever<F>, "create_task(f, args...): f must be callable with the arguments");
    __builtin_unreachable();
  }
}

}  // namespace vow

#endif  // VOW_PROMISE_CREATE_TASK_H_
