// async/await: a function that returns a Promise may be a coroutine.
#ifndef VOW_PROMISE_COROUTINE_H_
#define VOW_PROMISE_COROUTINE_H_

#include <coroutine>

#include "promise/internal/coroutine_state.h"
#include "promise/promise.h"

template <class T, class... Arguments>
struct std::coroutine_traits<vow::Promise<T>, Arguments...> {
  using promise_type = vow::promise_internal::CoroutineFrame<T>;
};

#endif  // VOW_PROMISE_COROUTINE_H_
