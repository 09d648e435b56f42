// The state behind the promise of a coroutine. Internal: the header to read is promise/coroutine.h.
//
//   [ CoroutineState<T> | frame: promise object (CoroutineFrame), parameters, locals ]     one block
//
// The state lies before the frame that the compiler lays out, so the frame can be destroyed when the coroutine has ended,
// with all that it holds, while the state lives on for its handles. The frame has one reference to the state.
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
#include <cstring>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "loop/source_location.h"
#include "promise/internal/await.h"
#include "promise/internal/result_of.h"
#include "promise/internal/scope.h"
#include "promise/internal/state.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"

namespace vow::promise_internal {

template <class T>
class CoroutineFrame;

// Aligned as operator new aligns, for the frame that follows.
template <class T>
class alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) CoroutineState final : public FollowingState<T> {
 public:
  using Frame = CoroutineFrame<T>;

  // The block for a frame of so many bytes; gives the frame's place. It has no state yet.
  static void* allocate(std::size_t frame_bytes) {
    auto* block = static_cast<char*>(allocate_block_for<CoroutineState>(sizeof(CoroutineState) + frame_bytes));
    mark_stateless(block);
    return block + sizeof(CoroutineState);
  }

  // The frame has been destroyed.
  static void release(void* frame, std::size_t frame_bytes) {
    char* block = static_cast<char*>(frame) - sizeof(CoroutineState);
    if (is_stateless(block)) [[unlikely]] {  // A parameter's copy threw.
      free_block_for<CoroutineState>(block, sizeof(CoroutineState) + frame_bytes);
      return;
    }
    auto* state = reinterpret_cast<CoroutineState*>(block);
    std::memcpy(frame, &frame_bytes, sizeof(frame_bytes));
    poison_frame(frame, frame_bytes);
    state->remove_reference();
  }

  static CoroutineState& of(Frame& frame) {
    char* address = static_cast<char*>(std::coroutine_handle<Frame>::from_promise(frame).address());
    return *reinterpret_cast<CoroutineState*>(address - sizeof(CoroutineState));
  }

  explicit CoroutineState(SourceLocation where) : FollowingState<T>(where) {
    this->add_reference();  // The frame's.
    this->skipped_ = kHasFrame;
  }

  using FollowingState<T>::set_where;

  // The coroutine has been suspended, to go on when the source of `await` has settled.
  void wait_for(Await& await, bool takes_errors) {
    if (State& source = *await.source; source.is_pending() && (&source == this || this->would_close_cycle(source)))
        [[unlikely]] {
      fail(await, this->cycle());
    }
    Frame& frame = this->frame();
    frame.await = &await;
    frame.takes_errors = takes_errors;
    if (!this->is_pending()) [[unlikely]]
      return wait_after_cancel(frame);
    this->put_source_back(*await.source);
    await.source->attach(*this);
  }

  // The coroutine has not begun: it does in a microtask.
  void begin_later() {
    static constinit Await nothing{nullptr};
    Frame& frame = this->frame();
    frame.await = &nothing;
    frame.takes_errors = true;
    EventLoop::current_or_null()->queue_microtask(*this);
  }

  // The coroutine, which has just been suspended, ends here.
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
    if (source == this) {
      this->remove_reference();
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

#ifdef __cpp_exceptions
  // Where the pointer to the virtual functions will be.
  static void mark_stateless(char* block) { std::memset(block, 0, sizeof(void*)); }
  static bool is_stateless(const char* block) {
    void* first;
    std::memcpy(&first, block, sizeof(first));
    return first == nullptr;
  }
#else
  static void mark_stateless(char*) {}
  static bool is_stateless(const char*) { return false; }
#endif

  void* frame_address() { return reinterpret_cast<char*>(this) + sizeof(*this); }
  std::coroutine_handle<Frame> handle() { return std::coroutine_handle<Frame>::from_address(frame_address()); }
  Frame& frame() { return handle().promise(); }

  void run() noexcept override {
    if (this->is_following()) {
      if (this->follow_step()) adopt_inner();
      return;
    }
    Frame& frame = this->frame();
    const Await& await = *std::exchange(frame.await, nullptr);
    if (this->is_pending()) [[likely]]
      this->forget_source();
    if (!frame.takes_errors && await.source->is_rejected()) [[unlikely]]
      return end(await.source->take_error());
    if (frame.member == nullptr) [[likely]]
      return handle().resume();
    const Scope::Entered entered(&frame.member->scope());
    handle().resume();
  }

  [[gnu::noinline]] void adopt_inner() {
    this->adopt(this->take_source());
    this->remove_reference();
  }

  // In place of what it would wait for, a promise that is rejected already.
  [[gnu::noinline]] void fail(Await& await, absl::Status error) {
    auto* failed = new PlainState<void>(this->where());
    failed->reject(std::move(error));
    std::exchange(await.source, failed)->remove_reference();
  }

  // It was cancelled while it ran, and has not heard of it; or it has, and is cleaning up.
  [[gnu::noinline]] void wait_after_cancel(Frame& frame) {
    Await& await = *frame.await;
    if (frame.cancel == Cancel::kNone) return await.source->attach(*this);
    if (frame.cancel == Cancel::kFinal) frame.takes_errors = false;
    Withdrawal withdrawal(this->error(),
                          frame.cancel == Cancel::kFinal ? Withdrawal::Mode::kFinal : Withdrawal::Mode::kAsks);
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
    if (frame.await == nullptr) {
      frame.cancel = withdrawal.is_final() ? Cancel::kFinal : Cancel::kAsked;
      return this->be_cancelled(withdrawal.reason());
    }
    Await* const await = frame.await;
    State* source = leave_queue(frame);
    this->be_cancelled(withdrawal.reason());
    if (source != nullptr && frame.takes_errors && !withdrawal.is_final()) {
      frame.await = await;
      hear_of_cancel(frame);
      withdrawal.tell(*this);
    } else {
      this->mark_clearable();
    }
    if (source != nullptr) withdrawal.let_go(*source);
  }

  void clear() noexcept override {
    if (this->skipped_ == kHasFrame) handle().destroy();
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

  bool may_be_skipped() const noexcept override { return true; }

  void destroy() noexcept override {
    if constexpr (std::is_trivially_destructible_v<Stored<T>>) {
      free_all();
    } else {
      this->destroy_in_turn([this] { free_all(); });
    }
  }
  void free_all() {
    std::size_t frame_bytes;
    unpoison_frame(frame_address(), sizeof(frame_bytes));
    std::memcpy(&frame_bytes, frame_address(), sizeof(frame_bytes));
    unpoison_frame(frame_address(), frame_bytes);
    this->~CoroutineState();
    free_block_for<CoroutineState>(this, sizeof(CoroutineState) + frame_bytes);
  }

  template <class R>
  void drop_result(R&& result) {
    using Plain = std::remove_cvref_t<R>;
    if constexpr (kIsPromise<Plain>) {
      State* inner = Access::give_away(Plain(std::forward<R>(result)));
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
      CoroutineState<T>::of(static_cast<CoroutineFrame<T>&>(*this)).return_result(std::forward<R>(result));
    } else {
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

 public:
  explicit CoroutineFrame(SourceLocation where = SourceLocation::current()) {
    if (Scope* scope = Scope::current()) [[unlikely]]
      member = new Member(*scope, *this);
    new (&State::of(*this)) State(where);
  }
  CoroutineFrame(const CoroutineFrame&) = delete;
  CoroutineFrame& operator=(const CoroutineFrame&) = delete;
  ~CoroutineFrame() {
    if (member != nullptr) [[unlikely]]
      delete static_cast<Member*>(member);
  }

  static void* operator new(std::size_t bytes) { return State::allocate(bytes); }
  static void operator delete(void* frame, std::size_t bytes) { State::release(frame, bytes); }

  Promise<T> get_return_object() { return Access::make<T>(&State::of(*this)); }
  BeginNow initial_suspend() noexcept { return {}; }
  std::suspend_never final_suspend() noexcept { return {}; }
  void unhandled_exception() { State::of(*this).unhandled_exception(); }

  // For the awaiters.
  void begin_later() { State::of(*this).begin_later(); }
  void wait_for(Await& operand, bool operand_takes_errors) { State::of(*this).wait_for(operand, operand_takes_errors); }
  void end(absl::Status error) { State::of(*this).end(std::move(error)); }
  void set_where(SourceLocation where) { State::of(*this).set_where(where); }

  // For the state.
  Await* await = nullptr;           // What it is suspended in; null while it runs.
  Scope::Member* member = nullptr;  // If it was started in a scope. Owned.
  bool takes_errors = false;        // Whether `await` gives a rejection as a value.
  Cancel cancel = Cancel::kNone;    // Whether it was cancelled while it ran, and has not heard of it.

 private:
  class Member final : public Scope::Member, public Pooled<Member> {
   public:
    Member(Scope& scope, CoroutineFrame& frame) : Scope::Member(scope), frame_(frame) {}

   private:
    void end() noexcept override { State::of(frame_).end_unheard(); }
    CoroutineFrame& frame_;
  };
};

inline void CoroutineReturn<void>::return_void() {
  CoroutineState<void>::of(static_cast<CoroutineFrame<void>&>(*this)).return_void();
}

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_COROUTINE_STATE_H_
