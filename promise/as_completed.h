// as_completed: the outcomes of several promises, one by one as they come. asyncio's as_completed.
//
//   AsCompleted<Page> pages = as_completed(std::move(fetches));
//   pages.next().then([](std::optional<Completion<Page>> page) { ... });   // the quickest

#ifndef VOW_PROMISE_AS_COMPLETED_H_
#define VOW_PROMISE_AS_COMPLETED_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "loop/job.h"
#include "loop/source_location.h"
#include "promise/internal/combinator.h"
#include "promise/internal/result_of.h"
#include "promise/promise.h"

namespace vow {

// What became of one input.
template <class T>
struct Completion {
  std::size_t index;                     // Its place among the inputs.
  promise_internal::Outcome<T> outcome;  // An absl::StatusOr<T>; for a promise of void, an absl::Status.
};

namespace promise_internal {

// The stream's insides: the inputs follow it, in one block. Kept by references: the stream's, and one for each `next`
// that waits. The last one to go withdraws from the inputs.
template <class T>
class Completions {
 public:
  using Item = std::optional<Completion<T>>;
  using Input = promise_internal::Input<Completions>;

  static Completions* make(std::vector<Promise<T>> promises, SourceLocation where) {
    for (const Promise<T>& promise : promises) Access::use(promise, "as_completed", where);
    auto* completions = new (allocate_block(bytes(promises.size()))) Completions(promises.size());
    for (std::size_t i = 0; i < promises.size(); ++i) {
      auto* input = new (completions->inputs() + i) Input;
      input->wait_for(*Access::give_away(std::move(promises[i])), *completions);
    }
    return completions;
  }

  Promise<Item> next(SourceLocation where) {
    if (loop_id_ != EventLoop::current_id()) misused("next", "an AsCompleted", loop_id_, where);
    auto* next = new Next(*this, where);
    if (Job* input = completed_.pop()) {
      guarded([&] { next->fulfill(take(static_cast<Input&>(*input))); },
              [&] { next->reject_with_current_exception(); });
    } else if (to_come_ == 0) {
      next->fulfill(std::nullopt);
    } else {
      next->add_reference();
      add_reference();
      waiting_.push(*next);
    }
    return Access::make<Item>(next);
  }

  void input_settled(Input& input) {
    --to_come_;
    if (waiting_.empty()) return completed_.push(input);
    add_reference();
    answer([&](Next& next) {
      guarded([&] { next.fulfill(take(input)); }, [&] { next.reject_with_current_exception(); });
    });
    while (to_come_ == 0 && !waiting_.empty()) answer([](Next& next) { next.fulfill(std::nullopt); });
    remove_reference();
  }

  void input_dropped(Input& input) {
    add_reference();
    input.release_source();
    --to_come_;
    while (!waiting_.empty()) answer([](Next& next) { next.reject_closed(); });
    remove_reference();
  }

  void add_reference() { ++references_; }
  void remove_reference() {
    if (--references_ == 0) withdraw();
  }

 private:
  // The promise of a `next`. As a job, it stands in the list of those that wait.
  class Next final : public TypedState<Item>, public Pooled<Next> {
   public:
    Next(Completions& completions, SourceLocation where) : TypedState<Item>(where), completions_(completions) {}
    using TypedState<Item>::reject_closed;

   private:
    void run() noexcept override {}
    void stop(Withdrawal& withdrawal) noexcept override {
      completions_.waiting_.remove(*this);
      this->be_cancelled(withdrawal.reason());
      if (--completions_.references_ == 0) {
        completions_.let_go(withdrawal);
        this->mark_clearable();
      }
      this->remove_reference();
    }
    void clear() noexcept override { completions_.destroy(); }
    void destroy() noexcept override { this->destroy_block(this); }

    Completions& completions_;
  };

  explicit Completions(std::size_t count) : count_(count), to_come_(count) {}
  static std::size_t bytes(std::size_t count) { return sizeof(Completions) + count * sizeof(Input); }
  Input* inputs() { return reinterpret_cast<Input*>(this + 1); }

  Item take(Input& input) {
    auto& source = static_cast<TypedState<T>&>(input.source());
    Item item(std::in_place, Completion<T>{static_cast<std::size_t>(&input - inputs()), take_outcome(source)});
    input.release_source();
    return item;
  }

  // The first of those that wait, by what `settle` does.
  template <class Settle>
  void answer(Settle&& settle) {
    auto& next = static_cast<Next&>(*waiting_.pop());
    settle(next);
    next.remove_reference();
    remove_reference();
  }

  void withdraw() {
    if (loop_id_ != EventLoop::current_id()) {
      for (std::size_t i = 0; i < count_; ++i) inputs()[i].let_go();
    } else {
      Withdrawal withdrawal(not_needed("nobody asks for the rest of as_completed any more"));
      let_go(withdrawal);
      withdrawal.stop();
    }
    destroy();
  }
  void let_go(Withdrawal& withdrawal) {
    for (std::size_t i = 0; i < count_; ++i) inputs()[i].let_go(withdrawal);
  }
  void destroy() {
    const std::size_t size = bytes(count_);
    this->~Completions();
    free_block(this, size);
  }

  std::size_t count_;
  std::size_t to_come_;  // Inputs that have not settled.
  std::uint32_t references_ = 1;
  std::uint16_t loop_id_ = EventLoop::current_id();
  JobQueue completed_;  // Inputs that nobody has asked for.
  JobQueue waiting_;    // Those who asked before anything came. One of the two is empty.
};

}  // namespace promise_internal

// A stream of Completions, in the order in which the inputs settled.
template <class T>
class AsCompleted {
 public:
  // For as_completed.
  explicit AsCompleted(promise_internal::Completions<T>* completions) : completions_(completions) {}
  AsCompleted(AsCompleted&& other) noexcept : completions_(std::exchange(other.completions_, nullptr)) {}
  AsCompleted& operator=(AsCompleted other) noexcept {
    std::swap(completions_, other.completions_);
    return *this;
  }
  // When nobody waits for a `next` either, inputs that have not settled are cancelled, unless somebody else holds them or
  // waits for them.
  ~AsCompleted() {
    if (completions_ != nullptr) completions_->remove_reference();
  }

  // The next one; nullopt after as many as there were inputs. May be asked for in advance: who asks first gets the
  // first to settle. Cancelled, it leaves its turn to the others. An input that is rejected is an outcome like any
  // other, and rejects nothing.
  Promise<std::optional<Completion<T>>> next(SourceLocation where = SourceLocation::current()) {
    if (completions_ == nullptr) [[unlikely]]
      promise_internal::moved_from("next", "AsCompleted", where);
    return completions_->next(where);
  }

 private:
  promise_internal::Completions<T>* completions_;  // Owned, in the sense of a reference; null when moved from.
};

// Of a range (a std::vector<Promise<T>>, or anything that a range-for reads). A promise that stands twice in it is given
// twice, under each index. From a container that is given away the promises are moved, else copied.
template <promise_internal::RangeOfPromises Range>
AsCompleted<promise_internal::RangeValue<Range>> as_completed(Range&& range,
                                                              SourceLocation where = SourceLocation::current()) {
  using T = promise_internal::RangeValue<Range>;
  return AsCompleted<T>(
      promise_internal::Completions<T>::make(promise_internal::to_vector(std::forward<Range>(range)), where));
}
template <class T>
AsCompleted<T> as_completed(std::initializer_list<Promise<T>> promises,
                            SourceLocation where = SourceLocation::current()) {
  return as_completed(std::vector<Promise<T>>(promises), where);
}

// Not of values, nor of nothing that has a type.
template <class... Arguments>
requires promise_internal::kAreNoInputs<Arguments...> Promise<> as_completed(Arguments&&...) {
  static_assert(
      promise_internal::kNever<Promise<>, Arguments...>,
      "as_completed(...): the arguments must be one range of promises; of nothing: std::vector<Promise<T>>()");
  __builtin_unreachable();
}
template <class Element = int>
requires(!promise_internal::kIsPromise<Element>) Promise<> as_completed(std::initializer_list<Element> elements) {
  return as_completed(elements.begin());
}

}  // namespace vow

#endif  // VOW_PROMISE_AS_COMPLETED_H_
