// The callbacks that a loop keeps: each in one block, together with its place in the queue. Included by
// loop/event_loop.h, which is the header to read and to include; of this one, Handle is for users.

#ifndef VOW_LOOP_CALL_H_
#define VOW_LOOP_CALL_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loop/block_pool.h"
#include "loop/fd_watch.h"
#include "loop/job.h"
#include "loop/letter_memory.h"
#include "loop/source_location.h"
#include "loop/timer.h"
#include "loop/timer_queue.h"

namespace vow {

class EventLoop;

namespace loop_internal {

class Mailbox;

// What a handle and a queue have in common: a callback that may be called off.
class Cancellable : public Job {
 public:
  bool is_waiting() const { return waiting_; }
  bool cancel(SourceLocation where);

  void add_handle() { ++references_; }
  void remove_handle() {
    if (remove_reference()) destroy();
  }
  BlockReport block_report() const { return {"callback", is_waiting(), where_}; }

 protected:
  Cancellable(std::uint16_t loop_id, SourceLocation where) : loop_id_(loop_id), where_(where) {}
  ~Cancellable() = default;

  // True if it was the last: the caller destroys the object.
  bool remove_reference() { return --references_ == 0; }

  virtual void call_off() noexcept = 0;  // Only while waiting: destroys the callback.
  virtual void destroy() noexcept = 0;

  bool waiting_ = true;

 private:
  SourceLocation made_at() const final { return where_; }

  const std::uint16_t loop_id_;
  std::uint32_t references_ = 2;  // The queue's and the first handle's.
  const SourceLocation where_;
};

}  // namespace loop_internal

// Stands for a callback that waits for its turn. Dropping a handle does not cancel; keeping it costs the loop nothing.
// Belongs to the loop's thread, and may outlive the loop.
class Handle {
 public:
  // Stands for nothing.
  Handle() = default;
  Handle(const Handle& other) : call_(other.call_) {
    if (call_ != nullptr) call_->add_handle();
  }
  Handle(Handle&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
  Handle& operator=(Handle other) noexcept {
    std::swap(call_, other.call_);
    return *this;
  }
  ~Handle() {
    if (call_ != nullptr) call_->remove_handle();
  }

  // Sees to it that the callback does not run, and destroys it at once, with all it holds. False if there was nothing
  // to cancel: it ran or runs, or was cancelled before.
  bool cancel(SourceLocation where = SourceLocation::current()) { return call_ != nullptr && call_->cancel(where); }

  // Whether the callback still waits for its turn.
  bool is_waiting() const { return call_ != nullptr && call_->is_waiting(); }

 private:
  friend class EventLoop;
  explicit Handle(loop_internal::Cancellable* call) : call_(call) {}
  loop_internal::Cancellable* call_ = nullptr;
};

namespace loop_internal {

// A job from another thread.
class Letter : public Job {
 public:
  static void* operator new(std::size_t bytes) { return allocate_letter(bytes); }
  static void* operator new(std::size_t bytes, std::align_val_t alignment) { return ::operator new(bytes, alignment); }
  static void operator delete(void* letter) { free_letter(letter); }
  static void operator delete(void* letter, std::align_val_t alignment) { ::operator delete(letter, alignment); }

  Letter* before = nullptr;  // For the mailbox: the one that was posted before it.

 protected:
  ~Letter() = default;
};

// Tells a callback from a job, which brings its own memory.
template <class F>
concept NoJob = !std::is_base_of_v<Job, std::remove_cvref_t<F>>;

template <class F>
inline constexpr bool kIsCallback = std::is_invocable_v<std::decay_t<F>>;
template <class F>
inline constexpr bool kIsRepeatable = std::is_invocable_v<std::decay_t<F>&>;
template <class F>
inline constexpr bool kTakesExit = std::is_invocable_v<std::decay_t<F>, absl::StatusOr<int>>;

// The one message about an F that is none.
template <class F>
constexpr void explain() {
  static_assert(kIsCallback<F>, "a callback of the loop must be callable without arguments");
}

// A callback that a handle can cancel. F lives until it has run, or has been called off; the object lives on for its
// handles.
template <class F>
class CancellableCall : public Cancellable {
 protected:
  template <class G>
  CancellableCall(G&& f, std::uint16_t loop_id, SourceLocation where)
      : Cancellable(loop_id, where), f_(std::forward<G>(f)) {}
  ~CancellableCall() {}

  template <class... Arguments>
  void call(Arguments&&... arguments) {
    waiting_ = false;
    static_cast<void>(std::move(f_)(std::forward<Arguments>(arguments)...));
    f_.~F();
  }
  void forget() {
    waiting_ = false;
    f_.~F();
  }

 private:
  union {
    F f_;
  };
};

template <class F>
class SoonCall final : public CancellableCall<F>, public Pooled<SoonCall<F>> {
 public:
  template <class G>
  SoonCall(G&& f, std::uint16_t loop_id, SourceLocation where)
      : CancellableCall<F>(std::forward<G>(f), loop_id, where) {}

 private:
  // Called off, it stays in the queue, empty, until its turn: to take it out of the middle would take time.
  void run() noexcept override {
    if (this->waiting_) this->call();
    if (this->remove_reference()) delete this;
  }
  void drop() noexcept override {
    if (this->waiting_) this->forget();
    if (this->remove_reference()) delete this;
  }
  void call_off() noexcept override { this->forget(); }
  void destroy() noexcept override { delete this; }
};

template <class F>
class TimerCall final : public Timed<CancellableCall<F>>, public Pooled<TimerCall<F>> {
 public:
  template <class G>
  TimerCall(G&& f, std::uint16_t loop_id, SourceLocation where)
      : Timed<CancellableCall<F>>(std::forward<G>(f), loop_id, where) {}

 private:
  void run() noexcept override {
    this->call();
    if (this->remove_reference()) delete this;
  }
  void drop() noexcept override {
    this->forget();
    if (this->remove_reference()) delete this;
  }
  void call_off() noexcept override {
    TimerQueue::remove(*this);
    this->forget();  // May destroy the handle that asks for it.
    if (this->remove_reference()) delete this;
  }
  void destroy() noexcept override { delete this; }
};

// The end of a child process, as its pidfd tells it: then `call` is run, or dropped when the loop closes.
class ChildWatch final : public FdWatch {
 public:
  explicit ChildWatch(Job& call) : call_(call) {}
  absl::Status open(EventLoop& loop, pid_t child);
  void close();
  // What waitpid says; Unavailable if the child has not ended.
  absl::StatusOr<int> reap();

 private:
  SourceLocation made_at() const override { return call_.made_at(); }
  void run() noexcept override { call_.run(); }
  void drop() noexcept override { call_.drop(); }

  Job& call_;
  pid_t child_ = 0;
  int pidfd_ = -1;
};

template <class F>
class ExitCall final : public CancellableCall<F>, public Pooled<ExitCall<F>> {
 public:
  template <class G>
  ExitCall(G&& f, std::uint16_t loop_id, SourceLocation where)
      : CancellableCall<F>(std::forward<G>(f), loop_id, where), watch_(*this) {}

  absl::Status open(EventLoop& loop, pid_t child) { return watch_.open(loop, child); }
  void drop() noexcept override {
    watch_.close();
    this->forget();
    if (this->remove_reference()) delete this;
  }

 private:
  void run() noexcept override {
    absl::StatusOr<int> status = watch_.reap();
    if (absl::IsUnavailable(status.status())) return;
    watch_.close();
    this->call(std::move(status));
    if (this->remove_reference()) delete this;
  }
  void call_off() noexcept override { drop(); }
  void destroy() noexcept override { delete this; }

  ChildWatch watch_;
};

// A callback for a descriptor or a signal, which runs until it is dropped; by itself, perhaps.
template <class Watch, class F>
class WatchCall final : public Watch, public Pooled<WatchCall<Watch, F>> {
 public:
  template <class G>
  WatchCall(typename Watch::Kind its_kind, G&& f, SourceLocation where)
      : Watch(its_kind), f_(std::forward<G>(f)), where_(where) {}

 private:
  SourceLocation made_at() const override { return where_; }
  void run() noexcept override {
    ++calls_;
    static_cast<void>(f_());
    if (--calls_ == 0 && dropped_) delete this;
  }
  void drop() noexcept override {
    dropped_ = true;
    if (calls_ == 0) delete this;
  }

  F f_;
  const SourceLocation where_;
  int calls_ = 0;  // Under way: more than one if it runs the loop.
  bool dropped_ = false;
};

// A callback that nobody can call off.
template <class F>
class Microtask final : public Job, public Pooled<Microtask<F>> {
 public:
  template <class G>
  explicit Microtask(G&& f) : f_(std::forward<G>(f)) {}

 private:
  void run() noexcept override {
    static_cast<void>(std::move(f_)());
    delete this;
  }
  void drop() noexcept override { delete this; }
  F f_;
};

// The same, from another thread.
template <class F>
class PostedCall final : public Letter {
 public:
  template <class G>
  explicit PostedCall(G&& f) : f_(std::forward<G>(f)) {}

 private:
  void run() noexcept override {
    static_cast<void>(std::move(f_)());
    delete this;
  }
  void drop() noexcept override { delete this; }
  F f_;
};

bool post_letter(Mailbox& mailbox, Letter& letter);

template <class F>
bool post(Mailbox& mailbox, F&& f) {
  if constexpr (kIsCallback<F>) {
    return post_letter(mailbox, *new PostedCall<std::decay_t<F>>(std::forward<F>(f)));
  } else {
    explain<F>();
    return false;
  }
}

}  // namespace loop_internal
}  // namespace vow

#endif  // VOW_LOOP_CALL_H_
