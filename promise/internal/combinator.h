// What the combinators have in common: one state that waits for many. Internal: see promise/when_all.h and its
// neighbours.

#ifndef VOW_PROMISE_INTERNAL_COMBINATOR_H_
#define VOW_PROMISE_INTERNAL_COMBINATOR_H_

#include <cstddef>
#include <iterator>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "loop/block_pool.h"
#include "promise/internal/state.h"

namespace vow::promise_internal {

// The reaction of one promise that a combinator waits for. A Combinator is told by input_settled(Input&), or, if its
// loop is closed and the promise will never settle, by input_dropped(Input&).
template <class Combinator>
class Input final : public Job {
 public:
  // Takes over the caller's reference to `source`.
  void wait_for(State& source, Combinator& combinator) {
    source_ = &source;
    combinator_ = &combinator;
    source.attach(*this);
  }

  bool is_waiting() const { return combinator_ != nullptr; }
  State& source() { return *source_; }
  void release_source() {
    if (source_ != nullptr) std::exchange(source_, nullptr)->remove_reference();
  }

 private:
  void run() noexcept override { std::exchange(combinator_, nullptr)->input_settled(*this); }
  void drop() noexcept override { std::exchange(combinator_, nullptr)->input_dropped(*this); }

  Combinator* combinator_ = nullptr;  // Null when it has settled.
  State* source_ = nullptr;           // Owned, in the sense of a reference.
};

// A range of promises, as a combinator takes it: a container that is given away is emptied, from any other the promises
// are copied.
template <class Range>
using RangeElement = std::remove_cvref_t<decltype(*std::begin(std::declval<Range&>()))>;

template <class Range>
concept RangeOfPromises = requires(Range& range) {
  std::begin(range);
  std::end(range);
  requires kIsPromise<RangeElement<Range>>;
};

template <RangeOfPromises Range>
using RangeValue = typename RangeElement<Range>::value_type;

template <RangeOfPromises Range>
std::vector<RangeElement<Range>> to_vector(Range&& range) {
  std::vector<RangeElement<Range>> promises;
  for (auto&& promise : range) {
    if constexpr (std::is_lvalue_reference_v<Range>) {
      promises.push_back(promise);
    } else {
      promises.push_back(std::move(promise));
    }
  }
  return promises;
}
template <class T>
std::vector<Promise<T>> to_vector(std::vector<Promise<T>>&& promises) {
  return std::move(promises);
}

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_COMBINATOR_H_
