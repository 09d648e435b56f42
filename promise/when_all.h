// when_all: all of several promises, side by side. JavaScript's Promise.all, asyncio's gather.
//
//   when_all(std::vector{square(1), square(2), square(3)}).then([](std::vector<int> squares) { ... });   // {1, 4, 9}
//   when_all(fetch_name(), fetch_age()).then([](std::tuple<std::string, int> both) { ... });
//
// Fulfilled when all inputs are, with their values in the order of the inputs, whatever the order in which they came. Rejected
// as soon as one input is, with its error; the other inputs go on, and their outcomes are dropped.

#ifndef VOW_PROMISE_WHEN_ALL_H_
#define VOW_PROMISE_WHEN_ALL_H_

#include <cstddef>
#include <initializer_list>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "loop/block_pool.h"
#include "loop/source_location.h"
#include "promise/internal/combinator.h"
#include "promise/promise.h"

namespace vow {

namespace promise_internal {

// Collects once all inputs are fulfilled; until then each input keeps its source, and so the value.
template <class T>
class WhenAll : public TypedState<T>, private Combinator {
 protected:
  WhenAll(std::size_t count, const SourceLocation& where) : TypedState<T>(where), missing_(count) {}
  ~WhenAll() = default;

  virtual Input* inputs() = 0;
  virtual std::size_t input_count() = 0;
  virtual void collect() = 0;  // Fulfills.

  // Takes over the caller's reference to `source`. Each input that waits has a reference to this.
  void wait_for(Input& input, State& source) {
    this->add_reference();
    input.wait_for(source, *this);
  }

 private:
  void input_settled(Input& input) noexcept override {
    if (!this->is_pending()) {
      input.release_source();
    } else if (input.source().is_rejected()) {
      this->reject(input.source().take_error());
      release_settled_sources();
    } else if (--missing_ == 0) {
      guarded([this] { collect(); }, [this](absl::Status error) { this->reject(std::move(error)); });
      release_settled_sources();
    }
    this->remove_reference();
  }
  void input_dropped(Input& input) noexcept override {
    input.release_source();
    if (this->is_pending()) {
      this->reject_closed();
      release_settled_sources();
    }
    this->remove_reference();
  }

  void release_settled_sources() {
    for (std::size_t i = 0; i < input_count(); ++i) {
      if (!inputs()[i].is_waiting()) inputs()[i].release_source();
    }
  }

  // A combinator waits by its inputs; as a job it is never queued.
  void run() noexcept override {}
  void drop() noexcept override {}

  std::size_t missing_;
};

template <class T>
using AllOf = std::conditional_t<std::is_void_v<T>, void, std::vector<Stored<T>>>;

// For a range: the inputs follow the state, in one block.
template <class T>
class WhenAllOfRange final : public WhenAll<AllOf<T>> {
 public:
  static WhenAllOfRange* make(std::vector<Promise<T>> promises, const SourceLocation& where) {
    void* block = allocate_block(bytes(promises.size()));
    auto* state = new (block) WhenAllOfRange(promises.size(), where);
    for (std::size_t i = 0; i < promises.size(); ++i) {
      Access::use(promises[i], "when_all", where);
      state->wait_for(state->inputs()[i], *Access::give_away(std::move(promises[i])));
    }
    return state;
  }

 private:
  WhenAllOfRange(std::size_t count, const SourceLocation& where) : WhenAll<AllOf<T>>(count, where), count_(count) {
    for (std::size_t i = 0; i < count; ++i) new (inputs() + i) Input;
  }
  static std::size_t bytes(std::size_t count) { return sizeof(WhenAllOfRange) + count * sizeof(Input); }

  Input* inputs() override { return reinterpret_cast<Input*>(this + 1); }
  std::size_t input_count() override { return count_; }

  void collect() override {
    if constexpr (std::is_void_v<T>) {
      this->fulfill();
    } else {
      std::vector<T> values;
      values.reserve(count_);
      for (std::size_t i = 0; i < count_; ++i) {
        values.push_back(static_cast<TypedState<T>&>(inputs()[i].source()).take_value());
      }
      this->fulfill(std::move(values));
    }
  }

  void destroy() noexcept override {
    const std::size_t size = bytes(count_);
    this->~WhenAllOfRange();
    free_block(this, size);
  }

  std::size_t count_;
};

// For a pack. A void has std::monostate for its value.
template <class T>
using AsElement = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class... Ts>
class WhenAllOfPack final : public WhenAll<std::tuple<AsElement<Ts>...>>, public Pooled<WhenAllOfPack<Ts...>> {
 public:
  WhenAllOfPack(const SourceLocation& where, Promise<Ts>... promises)
      : WhenAll<std::tuple<AsElement<Ts>...>>(sizeof...(Ts), where) {
    (Access::use(promises, "when_all", where), ...);
    std::size_t i = 0;
    (this->wait_for(inputs_[i++], *Access::give_away(std::move(promises))), ...);
  }

 private:
  Input* inputs() override { return inputs_; }
  std::size_t input_count() override { return sizeof...(Ts); }

  void collect() override { collect(std::index_sequence_for<Ts...>()); }
  template <std::size_t... kIndex>
  void collect(std::index_sequence<kIndex...>) {
    this->fulfill(value_of<Ts>(inputs_[kIndex].source())...);
  }
  template <class T>
  static AsElement<T> value_of(State& source) {
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return static_cast<TypedState<T>&>(source).take_value();
    }
  }

  void destroy() noexcept override { delete this; }

  Input inputs_[sizeof...(Ts)];
};

}  // namespace promise_internal

// Of a range (a std::vector<Promise<T>>, or anything that a range-for reads): a Promise<std::vector<T>>; for promises of void a
// Promise<void>. Of an empty range: fulfilled. From a container that is given away the promises are moved, else copied.
template <promise_internal::RangeOfPromises Range>
Promise<promise_internal::AllOf<promise_internal::RangeValue<Range>>> when_all(
    Range&& range, SourceLocation where = SourceLocation::current()) {
  using T = promise_internal::RangeValue<Range>;
  using All = promise_internal::AllOf<T>;
  std::vector<Promise<T>> promises = promise_internal::to_vector(std::forward<Range>(range));
  if (promises.empty()) {
    if constexpr (std::is_void_v<T>) {
      return resolve(where);
    } else {
      return resolve(All(), where);
    }
  }
  return promise_internal::Access::make<All>(promise_internal::WhenAllOfRange<T>::make(std::move(promises), where));
}
template <class T>
Promise<promise_internal::AllOf<T>> when_all(std::initializer_list<Promise<T>> promises,
                                             SourceLocation where = SourceLocation::current()) {
  return when_all(std::vector<Promise<T>>(promises), where);
}

// Of a pack, whatever their types: a Promise<std::tuple<...>>, with a std::monostate for a promise of void. Where it was made counts
// as where its first input was: a pack leaves no room for more.
template <class First, class... Rest>
Promise<std::tuple<promise_internal::AsElement<First>, promise_internal::AsElement<Rest>...>> when_all(Promise<First> first,
                                                                                                       Promise<Rest>... rest) {
  const SourceLocation where = promise_internal::Access::use(first, "when_all", SourceLocation::current()).where();
  auto* state = new promise_internal::WhenAllOfPack<First, Rest...>(where, std::move(first), std::move(rest)...);
  return promise_internal::Access::make<std::tuple<promise_internal::AsElement<First>, promise_internal::AsElement<Rest>...>>(state);
}

}  // namespace vow

#endif  // VOW_PROMISE_WHEN_ALL_H_
