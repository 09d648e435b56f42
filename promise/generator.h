// AsyncGenerator: a function that gives one value after the other, and may wait in between. JavaScript's and Python's async
// generator.
//
//   AsyncGenerator<int> countdown(int from) {
//     for (int i = from; i > 0; --i) {
//       co_yield i;
//       co_await sleep(absl::Seconds(1));
//     }
//   }
//
//   AsyncGenerator<int> numbers = countdown(3);
//   while (std::optional<int> number = co_await numbers.next()) std::cout << *number << "\n";
//
// The body is a coroutine (promise/coroutine.h has the rules of co_await). It runs only when it is asked: up to the first
// co_yield at the first `next`, within that call if there is nothing to wait for, and so on. When it returns, `next` gives
// nullopt from then on. An error, by a rejection that it awaits, by `co_await status`, or by an exception, ends it: the
// `next` that waits is rejected with it, or, if none does, the next one that asks.

#ifndef VOW_PROMISE_GENERATOR_H_
#define VOW_PROMISE_GENERATOR_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "loop/source_location.h"
#include "promise/internal/generator_state.h"
#include "promise/promise.h"

namespace vow {

// T is any object type that can be moved. Belongs to the loop's thread.
template <class T>
class [[nodiscard]] AsyncGenerator {
  static_assert(std::is_object_v<T> && std::is_move_constructible_v<T>,
                "the T of an AsyncGenerator<T> must be a type that can be moved");

 public:
  using promise_type = promise_internal::GeneratorFrame<T>;

  AsyncGenerator(AsyncGenerator&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  AsyncGenerator& operator=(AsyncGenerator other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  // When nobody waits for a `next` either, the body ends where it is suspended: its locals are destroyed, and what it
  // awaits is cancelled, unless somebody else holds it or waits for it.
  ~AsyncGenerator() {
    if (state_ != nullptr) state_->remove_reference();
  }

  // The next value; nullopt when there are no more. May be asked for in advance, as often as one likes, while others wait
  // and even by the body itself: who asks first is answered first. Cancelled, it leaves its turn to the others: the body
  // goes on to its next co_yield, and the value is kept for the next one who asks.
  Promise<std::optional<T>> next(SourceLocation where = SourceLocation::current()) {
    if (state_ == nullptr) [[unlikely]]
      promise_internal::moved_from("next", "AsyncGenerator", where);
    return state_->next(where);
  }

 private:
  friend promise_type;
  explicit AsyncGenerator(promise_internal::GeneratorState<T>* state) : state_(state) {}

  promise_internal::GeneratorState<T>* state_;  // Owned, in the sense of a reference; null when moved from.
};

}  // namespace vow

#endif  // VOW_PROMISE_GENERATOR_H_
