// map: calls a function for each element of a range, with a bound on how many of its promises are under way.
//
//   map(urls, [](std::string url) { return fetch(url); }, {.concurrency = 8})
//       .then([](std::vector<Page> pages) { ... });   // in the order of urls
//
// Fulfilled with all results, in the order of the elements. Rejected as soon as one of the promises is, with its error:
// the others are then cancelled, unless somebody else holds them or waits for them, and f is not called any more.

#ifndef VOW_PROMISE_MAP_H_
#define VOW_PROMISE_MAP_H_

#include <cstddef>
#include <deque>
#include <iterator>
#include <limits>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "loop/block_pool.h"
#include "loop/source_location.h"
#include "promise/internal/combinator.h"
#include "promise/internal/result_of.h"
#include "promise/promise.h"

namespace vow {

struct MapOptions {
  std::size_t concurrency = std::numeric_limits<std::size_t>::max();  // At most so many at a time; at least one is.
};

namespace promise_internal {

// What f is called with: an element of the container, which is ours, to keep; of a view, or a set, whatever that gives.
template <class Range>
using MapReference = decltype(*std::begin(std::declval<Range&>()));
template <class Range>
using MapArgument =
    std::conditional_t<std::ranges::enable_view<Range> || std::is_const_v<std::remove_reference_t<MapReference<Range>>>,
                       MapReference<Range>, std::remove_cvref_t<MapReference<Range>>&&>;

template <class Range, class F>
using MapValue = Unwrapped<CallResult<F&, MapArgument<Range>>>;

template <class U>
using Mapped = std::conditional_t<std::is_void_v<U>, void, std::vector<Stored<U>>>;

template <class Range, class F>
class Map final : public TypedState<Mapped<MapValue<Range, F>>>, public Pooled<Map<Range, F>> {
  using U = MapValue<Range, F>;

 public:
  template <class Range1, class F1>
  Map(Range1&& range, F1&& f, MapOptions options, SourceLocation where)
      : TypedState<Mapped<U>>(where), f_(std::in_place, std::forward<F1>(f)), range_(std::forward<Range1>(range)) {
    this->add_reference();
    position_.emplace(std::begin(range_));
    while_busy([&] {
      do {
        start(calls_.emplace_back(*this));
      } while (this->is_pending() && !at_end() && under_way_ < options.concurrency);
    });
  }

 private:
  // One promise of f that is under way, or, in between, none.
  class Call final : public Job {
   public:
    explicit Call(Map& map) : map_(map) {}

    void wait_for(Promise<U> promise, std::size_t index) {
      index_ = index;
      source_ = Access::give_away(std::move(promise));
      source_->attach(*this);
    }
    void let_go(Withdrawal& withdrawal) {
      if (source_ == nullptr) return;
      source_->detach(*this);
      let_go(*std::exchange(source_, nullptr), withdrawal);
    }
    // The same of a promise that this does not wait for yet.
    void let_go(State& source, Withdrawal& withdrawal) {
      withdrawal.let_go(source);
      source.add_reference();
      left_ = &source;
    }
    // Whether f is needed still, by a coroutine that it has started; if so, this is run when that has ended.
    bool needs_f() { return Map::is_needed_by(std::exchange(left_, nullptr), map_, *this); }

   private:
    void run() noexcept override {
      if (source_ == nullptr) return map_.f_not_needed();
      map_.settled(*this, *std::exchange(source_, nullptr), index_);
    }
    void drop() noexcept override { map_.dropped(*std::exchange(source_, nullptr)); }

    Map& map_;
    TypedState<U>* source_ = nullptr;  // Owned, in the sense of a reference.
    State* left_ = nullptr;            // What was let go. Likewise.
    std::size_t index_ = 0;
  };

  bool at_end() { return *position_ == std::end(range_); }

  // Does what may run something of the user's: f, a destructor. If that cancels this, it stays until it is done. What
  // is thrown rejects.
  template <class Do>
  void while_busy(Do&& something) {
    is_busy_ = true;
    guarded(something, [this] { fail(status_of_current_exception()); });
    if (!this->is_pending()) release_f();
    is_busy_ = false;
    if (!this->is_pending()) this->remove_reference();
  }

  // Has `call` wait for the next element's promise. When nothing is left to wait for: settles.
  void start(Call& call) {
    if (at_end()) {
      if (under_way_ == 0) complete();
      return;
    }
    const std::size_t index = results_.size();
    results_.emplace_back();
    Promise<U> promise = call_f();
    ++*position_;
    if (this->is_pending()) {
      Access::use(promise, "map", this->where());
      ++under_way_;
      return call.wait_for(std::move(promise), index);
    }
    // f has cancelled this, and does not yet know of the promise that it has returned.
    Withdrawal withdrawal(*this, this->error());
    call.let_go(*Access::give_away(std::move(promise)), withdrawal);
    withdrawal.stop();
  }

  Promise<U> call_f() {
    const auto call = [this]() -> CallResult<F&, MapArgument<Range>> {
      if constexpr (kTakes<F&, MapArgument<Range>>) {
        return (*f_)(static_cast<MapArgument<Range>>(**position_));
      } else {
        return (*f_)();
      }
    };
    if constexpr (kIsPromise<std::remove_cvref_t<CallResult<F&, MapArgument<Range>>>>) {
      std::optional<Promise<U>> promise;
      guarded([&] { promise.emplace(call()); },
              [&] { promise.emplace(reject<U>(status_of_current_exception(), this->where())); });
      return *std::move(promise);
    } else {
      return attempt(call, this->where());
    }
  }

  void settled(Call& call, TypedState<U>& source, std::size_t index) {
    while_busy([&] {
      --under_way_;
      if (source.is_rejected()) {
        fail(source.take_error());
      } else {
        guarded([&] { results_[index].emplace(source.take_value()); }, [&] { fail(status_of_current_exception()); });
      }
      source.remove_reference();
      if (this->is_pending()) start(call);
    });
  }

  void dropped(State& source) {
    source.remove_reference();
    if (this->is_pending()) {
      this->reject_closed();
      f_.reset();
    }
    if (--under_way_ == 0) this->remove_reference();
  }

  void fail(absl::Status error) {
    if (!this->is_pending()) return;
    Withdrawal withdrawal(*this, not_needed("another element of the map has failed"));
    this->reject(std::move(error));
    for (Call& call : calls_) call.let_go(withdrawal);
    withdrawal.stop();
  }

  // Destroys f, before anybody hears of the outcome; but coroutines that it has started, and which go on after they were
  // cancelled, may use what it captures.
  void release_f() {
    for (Call& call : calls_) needed_by_ += call.needs_f() ? 1 : 0;
    if (needed_by_ == 0) f_.reset();
  }
  void f_not_needed() {
    if (--needed_by_ == 0) f_.reset();
    this->remove_reference();
  }

  void complete() {
    f_.reset();
    if (!this->is_pending()) return;
    if constexpr (std::is_void_v<U>) {
      this->fulfill();
    } else {
      std::vector<U> values;
      values.reserve(results_.size());
      for (std::optional<U>& result : results_) values.push_back(*std::move(result));
      this->fulfill(std::move(values));
    }
  }

  void run() noexcept override {}
  void stop(Withdrawal& withdrawal) noexcept override {
    this->be_cancelled(withdrawal.reason());
    for (Call& call : calls_) call.let_go(withdrawal);
    if (is_busy_) return;
    this->mark_clearable();
    this->remove_reference();
  }
  void clear() noexcept override { release_f(); }
  void destroy() noexcept override { this->destroy_block(this); }

  std::optional<F> f_;  // Until the last call.
  Range range_;
  std::optional<decltype(std::begin(std::declval<Range&>()))> position_;
  std::deque<Call> calls_;
  std::size_t under_way_ = 0;
  std::size_t needed_by_ = 0;  // Coroutines that go on.
  bool is_busy_ = false;
  std::vector<std::optional<Stored<U>>> results_;
};

}  // namespace promise_internal

// f is called with each element in turn: for the first ones now, for each further one in a microtask when a promise has
// settled. It may return what any callback may. The range is kept until the end: a container is moved in if it is given
// away, else copied, and f gets its elements as its own (T&&); a view is copied, and f gets what it gives, so what that
// refers to must live. For an f that returns nothing, a Promise<void>.
template <class Range, class F>
Promise<promise_internal::Mapped<promise_internal::MapValue<std::decay_t<Range>, std::decay_t<F>>>> map(
    Range&& range, F&& f, MapOptions options = {}, SourceLocation where = SourceLocation::current()) {
  using Map = promise_internal::Map<std::decay_t<Range>, std::decay_t<F>>;
  using Argument = promise_internal::MapArgument<std::decay_t<Range>>;
  if constexpr (promise_internal::kIsCallback<std::decay_t<F>&, Argument>) {
    auto* state = new Map(std::forward<Range>(range), std::forward<F>(f), options, where);
    return promise_internal::Access::make<
        promise_internal::Mapped<promise_internal::MapValue<std::decay_t<Range>, std::decay_t<F>>>>(state);
  } else {
    static_assert(promise_internal::kNever<F>, "map(range, f): f must be callable with an element of the range");
    __builtin_unreachable();
  }
}

}  // namespace vow

#endif  // VOW_PROMISE_MAP_H_
