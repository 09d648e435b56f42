// A coroutine whose promise has a number: its first parameter is a Numbered. Otherwise it would be known, in a report, by
// the place of the await at which it ended, and so do all calls of a coroutine.

#ifndef VOW_TEST_ECMASCRIPT_NUMBERED_COROUTINE_H_
#define VOW_TEST_ECMASCRIPT_NUMBERED_COROUTINE_H_

#include <coroutine>
#include <utility>

#include "promise/coroutine.h"
#include "promise/promise.h"
#include "test/ecmascript/place.h"

namespace vow::ecmascript {

struct Numbered {
  int number;
};

// The promise object of any coroutine, but for that place.
class NumberedFrame : public promise_internal::CoroutineFrame<int> {
 public:
  template <class... Arguments>
  explicit NumberedFrame(Numbered promise, Arguments&&...) : CoroutineFrame(place_of(promise.number)) {}

  template <class X>
  decltype(auto) await_transform(X&& x) {
    return CoroutineFrame::await_transform(std::forward<X>(x), state().where());
  }
};

}  // namespace vow::ecmascript

template <class... Arguments>
struct std::coroutine_traits<vow::Promise<int>, vow::ecmascript::Numbered, Arguments...> {
  using promise_type = vow::ecmascript::NumberedFrame;
};

#endif  // VOW_TEST_ECMASCRIPT_NUMBERED_COROUTINE_H_
