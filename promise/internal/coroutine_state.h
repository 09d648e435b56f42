// The state behind the promise of a coroutine. Internal: the header to read is promise/coroutine.h.
//
// It lies in one block with the coroutine's frame (internal/frame_block.h), which has one reference to it.
//
// The state is the reaction of whatever the coroutine awaits: to await is to attach it, and its turn in the queue resumes
// the frame, or, after a rejection, destroys it. So nothing is ever resumed from within something else but the loop, and
// an await takes no memory but the operand's place in the frame.
//
//   running      Frame::await is null
//   suspended    Frame::await is the operand; the state stands in its source's list, or in the queue of microtasks
//   ended        there is no frame; the state is settled, or follows what was returned
//
// A coroutine that has been cancelled may go on, if it awaits an outcome as a value (settled()) and so hears of it: the
// state is rejected then, and what the coroutine returns is dropped.

#ifndef VOW_PROMISE_INTERNAL_COROUTINE_STATE_H_
#define VOW_PROMISE_INTERNAL_COROUTINE_STATE_H_

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "loop/source_location.h"
#include "promise/internal/await.h"
#include "promise/internal/frame_block.h"
#include "promise/internal/result_of.h"
#include "promise/internal/scope.h"
#include "promise/internal/state.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"

namespace vow::promise_internal {

template <class T>
class CoroutineFrame;

template <class T>
class alignas(kFrameBlockAlignment<FollowingState<T>>) CoroutineState final : public FollowingState<T> {
 public:
  using Frame = CoroutineFrame<T>;
  using Block = FrameBlock<CoroutineState, Frame>;

  // Comes also with the reference of the frame.
  explicit CoroutineState(SourceLocation where) : FollowingState<T>(where, 2) { this->skipped_ = kHasFrame; }

  using FollowingState<T>::set_where;

  // The coroutine has been suspended, to go on when the source of `await` has settled. Not inlined, because the body of a
  // coroutine saves, at each of its turns, the registers that are needed anywhere in it.
  [[gnu::noinline]] void wait_for(Await& await, bool takes_errors) {
    State& source = *await.source;
    if (source.is_pending() && this->may_be_awaited_by(source)) [[unlikely]]
      return wait_unless_cycle(await, takes_errors);
    attach_to(source, await, takes_errors);
  }

  // The frame is being destroyed. (If this is to follow, it does not yet.)
  void frame_goes() { this->skipped_ = 0; }

  // The coroutine has not begun: it does in a microtask.
  void begin_later() {
    static constinit Await nothing{nullptr};
    Frame& frame = this->frame();
    frame.await = &nothing;
    frame.takes_errors = true;
    EventLoop::current_or_null()->queue_microtask(*this);
  }

  // The coroutine, which has just been suspended, ends here: its frame is destroyed within its own await_suspend. C++
  // allows it, and nothing of the awaiter is used after. g++ 15.2, and no other, makes a mistake of it (GCC bug 121961).
  void end(absl::Status error) {
    this->add_reference();
    handle().destroy();
    if (this->is_pending()) {
      this->reject(std::move(error));
    } else {
      report_lost(std::move(error), this->where());
    }
    this->remove_reference();
  }

  // What `co_return result` does: the first outcome counts, so of a cancelled coroutine it is dropped.
  template <class R>
  void return_result(R&& result) {
    if (!this->is_pending()) [[unlikely]]
      return drop_result(std::forward<R>(result));
    if constexpr (kIsPromise<std::remove_cvref_t<R>>) {
      this->add_reference();  // As a job, while it follows.
      this->resolve_with_promise(std::forward<R>(result));
      if (!this->is_following()) this->remove_reference();
    } else {
      this->resolve_with(std::forward<R>(result));
    }
  }
  void return_void() {
    if (this->is_pending()) this->fulfill();
  }

  // Of an exception that left the body.
  void unhandled_exception() {
    if (this->is_unresolved()) {
      this->reject_with_current_exception();
    } else {
      report_lost(status_of_current_exception(), this->where());
    }
  }

  // For a scope that ends: the coroutine, which has been cancelled before, is to end without being heard.
  void end_unheard() noexcept {
    Frame& frame = this->frame();
    if (frame.await == nullptr) {
      frame.cancel = Cancel::kFinal;
      return;
    }
    this->add_reference();
    State* source = leave_queue(frame);
    handle().destroy();
    if (source == this || (source != nullptr && !this->is_loop_current())) {
      source->remove_reference();
    } else if (source != nullptr) {
      Withdrawal withdrawal(this->error(), Withdrawal::Mode::kFinal);
      withdrawal.let_go(*source);
      withdrawal.stop();
    }
    this->remove_reference();
  }

 private:
  // In place of the number of states that were skipped, which there can be only when the frame is gone.
  static constexpr std::uint64_t kHasFrame = ~std::uint64_t{0};

  bool has_frame() const { return this->skipped_ == kHasFrame; }
  std::coroutine_handle<Frame> handle() { return Block::handle_of(*this); }
  Frame& frame() { return handle().promise(); }

  // What is rare stands apart, so that the rest needs no registers saved.
  void run() noexcept override {
    if (!has_frame()) [[unlikely]]
      return follow();
    Frame& frame = this->frame();
    Await& await = *std::exchange(frame.await, nullptr);
    if (this->is_pending()) [[likely]]
      this->forget_source();
    if (!frame.takes_errors && await.source->is_rejected()) [[unlikely]]
      return end_rejected(await);
    if (frame.member != nullptr) [[unlikely]]
      return resume_in_scope(frame.member->scope());
    handle().resume();
  }

  [[gnu::noinline]] void follow() noexcept {
    if (!this->follow_step()) return;
    this->adopt(this->take_source());
    this->remove_reference();
  }
  [[gnu::noinline]] void end_rejected(Await& await) noexcept { end(await.source->take_error()); }
  [[gnu::noinline]] void resume_in_scope(Scope& scope) noexcept {
    const Scope::Entered entered(&scope);
    handle().resume();
  }

  void attach_to(State& source, Await& await, bool takes_errors) {
    Frame& frame = this->frame();
    frame.await = &await;
    frame.takes_errors = takes_errors;
    if (!this->is_pending()) [[unlikely]]
      return wait_after_cancel(frame);
    this->put_source_back(source);
    if (source.is_rejected()) [[unlikely]]
      return attach_to_rejected(source);
    source.attach(*this);
  }
  [[gnu::noinline]] void attach_to_rejected(State& source) { source.attach(*this); }

  [[gnu::noinline]] void wait_unless_cycle(Await& await, bool takes_errors) {
    if (await.source->waits_for(this)) [[unlikely]]
      refuse_cycle(await);
    attach_to(*await.source, await, takes_errors);
  }
  // In place of a promise that waits for this very one, one that is rejected already.
  [[gnu::noinline]] void refuse_cycle(Await& await) {
    auto* failed = new PlainState<void>(this->where());
    failed->reject(this->cycle());
    std::exchange(await.source, failed)->remove_reference();
  }

  // It was cancelled while it ran, and has not heard of it; or it has, and is cleaning up.
  [[gnu::noinline]] void wait_after_cancel(Frame& frame) {
    Await& await = *frame.await;
    if (frame.cancel == Cancel::kNone) return await.source->attach(*this);
    const bool is_final = frame.cancel == Cancel::kFinal;
    if (is_final) frame.takes_errors = false;
    Withdrawal withdrawal(this->error(), is_final ? Withdrawal::Mode::kFinal : Withdrawal::Mode::kAsks);
    State& source = *await.source;
    hear_of_cancel(frame);
    EventLoop::current_or_null()->queue_microtask(*this);
    withdrawal.let_go(source);
    withdrawal.stop();
  }

  // Has the await end, when its turn comes, as if this very state had been awaited, which has been cancelled.
  void hear_of_cancel(Frame& frame) {
    frame.cancel = Cancel::kNone;
    frame.await->source = this;
    this->add_reference();
    if (frame.member != nullptr && frame.takes_errors) frame.member->linger();
  }

  // Of a suspended coroutine: what it waited for, or null if it was about to begin. The reference is the caller's.
  State* leave_queue(Frame& frame) {
    State* source = std::exchange(std::exchange(frame.await, nullptr)->source, nullptr);
    if (source == nullptr || source == this) {
      EventLoop::current_or_null()->remove_microtask(*this);
    } else {
      source->detach(*this);
    }
    return source;
  }

  void stop(Withdrawal& withdrawal) noexcept override {
    if (this->is_following()) return this->stop_waiting(withdrawal);
    Frame& frame = this->frame();
    const bool is_final = withdrawal.is_final() || (frame.member != nullptr && frame.member->scope().is_over());
    if (frame.await == nullptr) {
      frame.cancel = is_final ? Cancel::kFinal : Cancel::kAsked;
      return this->be_cancelled(withdrawal.reason());
    }
    Await* const await = frame.await;
    State* source = leave_queue(frame);
    this->be_cancelled(withdrawal.reason());
    if (source != nullptr && frame.takes_errors && !is_final) {
      frame.await = await;
      hear_of_cancel(frame);
      withdrawal.tell(*this);
    } else {
      this->mark_clearable();
    }
    if (source != nullptr) withdrawal.let_go(*source);
  }

  void clear() noexcept override {
    if (has_frame()) handle().destroy();
  }

  void drop() noexcept override {
    if (this->is_following()) return State::drop();
    this->add_reference();
    this->frame().await = nullptr;
    if (this->is_pending()) this->forget_source();
    handle().destroy();
    if (this->is_pending()) this->reject_closed();
    this->remove_reference();
  }

  bool run_when_ended(Job& job) noexcept override {
    if (!has_frame()) return false;
    frame().when_ended.push(job);
    return true;
  }

  bool may_be_skipped() const noexcept override { return true; }

  void destroy() noexcept override {
    if constexpr (std::is_trivially_destructible_v<Stored<T>>) {
      Block::free(this);
    } else {
      this->destroy_in_turn([this] { Block::free(this); });
    }
  }

  template <class R>
  void drop_result(R&& result) {
    using Plain = std::remove_cvref_t<R>;
    if constexpr (kIsPromise<Plain>) {
      State* inner = Access::give_away(Plain(std::forward<R>(result)));
      if (inner == nullptr) [[unlikely]]
        moved_from("resolve", "Promise", this->where());
      Withdrawal withdrawal(this->error());
      withdrawal.let_go(*inner);
      withdrawal.stop();
    } else if constexpr (kIsStatus<Plain>) {
      report_lost(std::forward<R>(result), this->where());
    } else if constexpr (kIsStatusOr<Plain>) {
      report_lost(std::forward<R>(result).status(), this->where());
    }
  }
};

// What co_return has, by the type of the promise.
template <class T>
class CoroutineReturn {
 public:
  template <class R = T>
  void return_value(R&& result) {
    if constexpr (kLeadsTo<R&&, T>) {
      static_cast<CoroutineFrame<T>&>(*this).state().return_result(std::forward<R>(result));
    } else if constexpr (!std::is_same_v<R, Mistake>) {
      static_assert(kNever<R>,
                    "co_return x: x must be what a Promise<T> can be made of: "
                    "a T, an absl::Status, an absl::StatusOr<T> or a Promise<T>");
    }
  }
};
template <>
class CoroutineReturn<void> {
 public:
  inline void return_void();
};

// The promise object, in the language of the standard: what the compiler asks about the coroutine.
template <class T>
class CoroutineFrame : public Awaitables<CoroutineFrame<T>>, public CoroutineReturn<T> {
  using State = CoroutineState<T>;
  using Block = typename State::Block;

 public:
  explicit CoroutineFrame(SourceLocation where = SourceLocation::current()) : state_(Block::make_state(where)) {}
  CoroutineFrame(const CoroutineFrame&) = delete;
  CoroutineFrame& operator=(const CoroutineFrame&) = delete;
  ~CoroutineFrame() {
    if (member != nullptr) [[unlikely]]
      leave_scope();
    state().frame_goes();
    if (!when_ended.empty()) [[unlikely]]
      run_all(std::move(when_ended));
  }

  static void* operator new(std::size_t bytes) { return Block::allocate(bytes); }
  static void operator delete(void* frame, std::size_t bytes) {
    if (State* const state = Block::release(frame, bytes)) state->remove_reference();
  }

  Promise<T> get_return_object() { return Access::make<T>(&state()); }
  BeginNow initial_suspend() noexcept { return {}; }
  std::suspend_never final_suspend() noexcept { return {}; }
  void unhandled_exception() { state().unhandled_exception(); }
  template <class X>
  std::suspend_never yield_value(X&&) {
    static_assert(kNever<X>,
                  "co_yield in a coroutine that returns a Promise: what it returns must be an AsyncGenerator");
    return {};
  }

  // For the awaiters.
  void begin_later() { state().begin_later(); }
  void wait_for(Await& operand, bool operand_takes_errors) { state().wait_for(operand, operand_takes_errors); }
  void end(absl::Status error) { state().end(std::move(error)); }
  void set_where(SourceLocation where) { state().set_where(where); }

  State& state() { return state_; }

  // For the state.
  JobQueue when_ended;                                    // To be run then.
  Await* await = nullptr;                                 // What it is suspended in; null while it runs.
  Scope::Member* const member = enter(Scope::current());  // If it was started in a scope. Owned.
  bool takes_errors = false;                              // Whether `await` gives a rejection as a value.
  Cancel cancel = Cancel::kNone;  // Whether it was cancelled while it ran, and has not heard of it.

 private:
  Scope::Member* enter(Scope* scope) {
    if (scope == nullptr) [[likely]]
      return nullptr;
    return make_member(*scope);
  }
  [[gnu::noinline]] Scope::Member* make_member(Scope& scope) { return new Member(scope, *this); }
  [[gnu::noinline]] static void run_all(JobQueue jobs) {
    while (Job* job = jobs.pop()) job->run();
  }
  [[gnu::noinline]] void leave_scope() { delete static_cast<Member*>(member); }

  class Member final : public Scope::Member, public Pooled<Member> {
   public:
    Member(Scope& scope, CoroutineFrame& frame) : Scope::Member(scope), frame_(frame) {}

   private:
    void end() noexcept override { frame_.state().end_unheard(); }
    CoroutineFrame& frame_;
  };

  State& state_;  // Made after `member`, which may fail.
};

inline void CoroutineReturn<void>::return_void() { static_cast<CoroutineFrame<void>&>(*this).state().return_void(); }

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_COROUTINE_STATE_H_
