// All type computation of the library. Internal: the header to read is promise/promise.h.

#ifndef VOW_PROMISE_INTERNAL_RESULT_OF_H_
#define VOW_PROMISE_INTERNAL_RESULT_OF_H_

#include <concepts>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vow {

template <class T = void>
class Promise;

namespace promise_internal {

// The value of a fulfilled Promise<void>.
struct Unit {};

// What a fulfilled Promise<T> holds.
template <class T>
using Stored = std::conditional_t<std::is_void_v<T>, Unit, T>;

// How a callback sees the value: on loan, from a promise that is kept; as its own, from one that is given away.
template <class T>
struct ArgumentFor {
  using Lent = const T&;
  using Given = T&&;
};
template <>
struct ArgumentFor<void> {
  using Lent = void;
  using Given = void;
};
template <class T>
using Lent = typename ArgumentFor<T>::Lent;
template <class T>
using Given = typename ArgumentFor<T>::Given;

template <class>
inline constexpr bool kIsPromise = false;
template <class T>
inline constexpr bool kIsPromise<Promise<T>> = true;

template <class>
inline constexpr bool kIsStatusOr = false;
template <class T>
inline constexpr bool kIsStatusOr<absl::StatusOr<T>> = true;

template <class R>
inline constexpr bool kIsStatus = std::is_same_v<R, absl::Status>;

// The T of the Promise<T> that a callback's result R becomes:
//
//   R                   T
//   void, absl::Status  void
//   absl::StatusOr<U>   U
//   Promise<U>          U
//   U                   U, without const or reference
template <class R>
struct Unwrap {
  using Type = R;
};
template <>
struct Unwrap<absl::Status> {
  using Type = void;
};
template <class U>
struct Unwrap<absl::StatusOr<U>> {
  using Type = U;
};
template <class U>
struct Unwrap<Promise<U>> {
  using Type = U;
};
template <class R>
using Unwrapped = typename Unwrap<std::remove_cvref_t<R>>::Type;

// False, for a static_assert that is to speak only when the template around it is used.
template <class...>
inline constexpr bool kNever = false;

// Whether F can be called with an Argument, by f(argument); with Argument = void, without one, by f().
template <class F, class Argument>
inline constexpr bool kTakes = requires {
  std::declval<F>()(std::declval<Argument>());
};
template <class F>
inline constexpr bool kTakes<F, void> = requires {
  std::declval<F>()();
};

// Whether F can serve as callback where an Argument is on offer: it may also take nothing.
template <class F, class Argument>
inline constexpr bool kIsCallback = kTakes<F, Argument> || kTakes<F, void>;

// What F returns when it is called with an Argument, or with nothing if it does not take one. Void if it can be called
// neither way: the mistake has been reported then, and is not to cause more messages.
template <class F, class Argument, bool kWithArgument = !std::is_void_v<Argument> && kTakes<F, Argument>,
          bool kWithout = kTakes<F, void>>
struct Call {
  using Result = void;
};
template <class F, class Argument, bool kWithout>
struct Call<F, Argument, true, kWithout> {
  using Result = decltype(std::declval<F>()(std::declval<Argument>()));
};
template <class F, class Argument>
struct Call<F, Argument, false, true> {
  using Result = decltype(std::declval<F>()());
};
template <class F, class Argument>
using CallResult = typename Call<F, Argument>::Result;

// The T of the Promise<T> that `then` gives for a callback F that is offered an Argument.
template <class F, class Argument>
using ThenValue = Unwrapped<CallResult<F, Argument>>;

// Whether a callback's result R can settle a Promise<T>: `return` of it from a function that returns Promise<T> would
// compile.
template <class R, class T>
inline constexpr bool kLeadsTo = std::is_convertible_v<R, Promise<T>>;
template <class T>
inline constexpr bool kLeadsTo<void, T> = std::is_void_v<T>;

// Whether U is a plain value that converts to T: not one of the types that stand for an outcome of their own.
template <class U, class T>
concept PlainValueFor = !std::is_void_v<T> && std::is_convertible_v<U, T> && !kIsPromise<std::remove_cvref_t<U>> &&
                        !kIsStatus<std::remove_cvref_t<U>> && !kIsStatusOr<std::remove_cvref_t<U>>;

// Whether T can be copied. A container's own answer is of no use: a vector of what cannot be copied says that it can.
template <class T>
inline constexpr bool kIsCopyable = std::is_copy_constructible_v<T>;
template <class T>
concept Container = requires {
  typename T::value_type;
}
&&!std::is_same_v<typename T::value_type, T>;
template <Container T>
inline constexpr bool kIsCopyable<T> = std::is_copy_constructible_v<T>&& kIsCopyable<typename T::value_type>;

// What T a Promise may have.
template <class T>
inline constexpr bool kIsPromisable = std::is_void_v<T> ||
                                      (std::is_object_v<T> && !std::is_const_v<T> && !std::is_array_v<T> &&
                                       !kIsPromise<T> && std::is_move_constructible_v<T>);

// StatusOr<T>, or for void Status: what a settled promise amounts to.
template <class T>
struct OutcomeOf {
  using Type = absl::StatusOr<T>;
};
template <>
struct OutcomeOf<void> {
  using Type = absl::Status;
};
template <class T>
using Outcome = typename OutcomeOf<T>::Type;

}  // namespace promise_internal
}  // namespace vow

#endif  // VOW_PROMISE_INTERNAL_RESULT_OF_H_
