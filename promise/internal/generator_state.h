// What is behind an AsyncGenerator. Internal: the header to read is promise/generator.h.
//
// The body runs when somebody asks, within `next`, up to its first co_await or co_yield; after an await it goes on in a
// microtask. Who asks stands in a queue, as the state of the promise that `next` gave, until the body answers.
//
//   idle         the frame is suspended at its beginning, or at a co_yield
//   running
//   awaiting     the state stands, as a job, where a coroutine's would
//   ended        there is no frame
//
// It is kept by references: the handle's, and one for each `next` that waits. When the last one goes, nobody can ever
// ask: the frame is destroyed.

#ifndef VOW_PROMISE_INTERNAL_GENERATOR_STATE_H_
#define VOW_PROMISE_INTERNAL_GENERATOR_STATE_H_

#include <coroutine>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "loop/fatal.h"
#include "loop/job.h"
#include "loop/source_location.h"
#include "promise/internal/await.h"
#include "promise/internal/frame_block.h"
#include "promise/internal/result_of.h"
#include "promise/internal/state.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"
#include "promise/promise.h"

namespace vow {

template <class T>
class AsyncGenerator;

namespace promise_internal {

template <class T>
class GeneratorFrame;

template <class T>
class alignas(kFrameBlockAlignment<std::optional<T>>) GeneratorState final : public Job {
 public:
  using Item = std::optional<T>;
  using Block = FrameBlock<GeneratorState, GeneratorFrame<T>>;

  explicit GeneratorState(SourceLocation where) : where_(where) {
    if (loop_id_ == 0) fatal("a generator is made on a thread that has no event loop", where);
  }

  void add_reference() { ++references_; }
  void remove_reference() {
    if (--references_ == 0) nobody_asks();
  }

  Promise<Item> next(SourceLocation where) {
    if (loop_id_ != EventLoop::current_id()) misused("next", "an AsyncGenerator", loop_id_, where);
    auto* next = new Next(*this, where);
    if (kept_.has_value()) {
      settle(*next, [&] { next->fulfill(std::exchange(kept_, std::nullopt)); });
    } else if (!has_frame_) {
      settle_ended(*next);
    } else {
      next->add_reference();
      add_reference();
      waiting_.push(*next);
      if (phase_ == Phase::kIdle) resume();
    }
    return Access::make<Item>(next);
  }

  // What follows is for the frame.

  void set_where(SourceLocation where) { where_ = where; }

  // Whether to go on at once, because somebody else has asked already.
  template <class U>
  bool yield(U&& value) {
    if (waiting_.empty()) {
      kept_.emplace(std::forward<U>(value));
    } else {
      answer([&](Next& next) { next.fulfill(std::in_place, std::forward<U>(value)); });
    }
    return !waiting_.empty();
  }
  void be_idle() { phase_ = Phase::kIdle; }

  void wait_for(Await& await, bool takes_errors) {
    phase_ = Phase::kAwaiting;
    await_ = &await;
    takes_errors_ = takes_errors;
    await.source->attach(*this);
  }

  // The body, which is suspended, ends here.
  void end(absl::Status error) {
    fail(std::move(error));
    Block::handle_of(*this).destroy();
  }
  void fail(absl::Status error) { error_ = std::move(error); }

  void frame_gone() {
    has_frame_ = false;
    const bool has_loop_ended = EventLoop::has_ended(loop_id_);
    while (!waiting_.empty()) {
      answer([&](Next& next) { has_loop_ended ? next.reject_closed() : settle_ended(next); });
    }
  }

 private:
  enum class Phase : std::uint8_t { kIdle, kRunning, kAwaiting };

  // The promise of a `next`. As a job, it stands in the queue of those that wait.
  class Next final : public TypedState<Item>, public Pooled<Next> {
   public:
    Next(GeneratorState& generator, SourceLocation where) : TypedState<Item>(where), generator_(generator) {}
    using TypedState<Item>::reject_closed;

   private:
    void run() noexcept override {}
    // The body goes on to its next co_yield, for whoever asks then.
    void stop(Withdrawal& withdrawal) noexcept override {
      generator_.waiting_.remove(*this);
      this->be_cancelled(withdrawal.reason());
      if (--generator_.references_ == 0) {
        generator_.let_go(withdrawal);
        this->mark_clearable();
      }
      this->remove_reference();
    }
    void clear() noexcept override { generator_.destroy(); }
    void destroy() noexcept override { this->destroy_block(this); }

    GeneratorState& generator_;
  };

  // Keeps the state while the body runs, which may drop the generator.
  class Kept {
   public:
    explicit Kept(GeneratorState& state) : state_(state) { state.add_reference(); }
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;
    ~Kept() { state_.remove_reference(); }

   private:
    GeneratorState& state_;
  };

  template <class Settle>
  static void settle(Next& next, Settle&& how) {
    guarded(how, [&] { next.reject_with_current_exception(); });
  }
  void settle_ended(Next& next) {
    if (error_.ok()) {
      next.fulfill(std::nullopt);
    } else {
      next.reject(std::exchange(error_, absl::OkStatus()));
    }
  }

  // The first of those that wait, by what `settle` does. If that throws, it waits on.
  template <class Settle>
  void answer(Settle&& settle) {
    auto& next = static_cast<Next&>(waiting_.front());
    settle(next);
    waiting_.pop();
    next.remove_reference();
    remove_reference();
  }

  void resume() {
    const Kept kept(*this);
    phase_ = Phase::kRunning;
    Block::handle_of(*this).resume();
  }

  void run() noexcept override {
    State& source = *std::exchange(await_, nullptr)->source;
    if (takes_errors_ || !source.is_rejected()) return resume();
    const Kept kept(*this);
    end(source.take_error());
  }

  void drop() noexcept override {
    const Kept kept(*this);
    Block::handle_of(*this).destroy();
  }

  // Out of where it waits, which it lets go.
  void let_go(Withdrawal& withdrawal) {
    if (phase_ != Phase::kAwaiting || !has_frame_) return;
    State& source = *std::exchange(await_->source, nullptr);
    source.detach(*this);
    withdrawal.let_go(source);
  }

  void nobody_asks() {
    if (loop_id_ == EventLoop::current_id()) {
      Withdrawal withdrawal(not_needed("nobody asks the generator any more"));
      let_go(withdrawal);
      withdrawal.stop();
      destroy();
      return;
    }
    if (EventLoop::is_open(loop_id_)) {
      misused("~AsyncGenerator", "an AsyncGenerator", loop_id_, where_);
    }
    if (phase_ == Phase::kAwaiting && has_frame_) await_->source->detach(*this);
    destroy();
  }

  void destroy() {
    if (has_frame_) Block::handle_of(*this).destroy();
    report_lost(std::move(error_), where_);
    Block::free(this);
  }

  std::uint32_t references_ = 1;
  std::uint16_t loop_id_ = EventLoop::current_id();
  Phase phase_ = Phase::kIdle;
  bool has_frame_ = true;
  bool takes_errors_ = false;  // Whether `await_` gives a rejection as a value.
  JobQueue waiting_;           // Those who have asked.
  Await* await_ = nullptr;     // While awaiting.
  absl::Status error_;         // What ended the body, as long as nobody has heard of it.
  SourceLocation where_;
  Item kept_;  // What was yielded when the one who had asked was gone.
};

// The promise object, in the language of the standard.
template <class T>
class GeneratorFrame : public Awaitables<GeneratorFrame<T>> {
  using Block = typename GeneratorState<T>::Block;

  class YieldAwaiter {
   public:
    YieldAwaiter(GeneratorState<T>& state, bool goes_on) : state_(state), goes_on_(goes_on) {}
    bool await_ready() const noexcept { return goes_on_; }
    void await_suspend(std::coroutine_handle<>) const { state_.be_idle(); }
    void await_resume() const noexcept {}

   private:
    GeneratorState<T>& state_;
    bool goes_on_;
  };

 public:
  explicit GeneratorFrame(SourceLocation where = SourceLocation::current()) : state_(Block::make_state(where)) {}
  GeneratorFrame(const GeneratorFrame&) = delete;
  GeneratorFrame& operator=(const GeneratorFrame&) = delete;

  static void* operator new(std::size_t bytes) { return Block::allocate(bytes); }
  static void operator delete(void* frame, std::size_t bytes) {
    if (GeneratorState<T>* state = Block::release(frame, bytes)) state->frame_gone();
  }

  AsyncGenerator<T> get_return_object() { return AsyncGenerator<T>(&state_); }
  std::suspend_always initial_suspend() noexcept { return {}; }
  std::suspend_never final_suspend() noexcept { return {}; }
  void return_void() {}
  void unhandled_exception() { state_.fail(status_of_current_exception()); }

  template <class U>
  YieldAwaiter yield_value(U&& value) {
    if constexpr (std::is_convertible_v<U&&, T>) {
      return YieldAwaiter(state_, state_.yield(std::forward<U>(value)));
    } else {
      static_assert(kNever<U>, "co_yield x: x must be what the T of the AsyncGenerator<T> can be made of");
      __builtin_unreachable();
    }
  }

  // For the awaiters.
  void wait_for(Await& operand, bool takes_errors) { state_.wait_for(operand, takes_errors); }
  void end(absl::Status error) { state_.end(std::move(error)); }
  void set_where(SourceLocation where) { state_.set_where(where); }

 private:
  GeneratorState<T>& state_;
};

}  // namespace promise_internal
}  // namespace vow

#endif  // VOW_PROMISE_INTERNAL_GENERATOR_STATE_H_
