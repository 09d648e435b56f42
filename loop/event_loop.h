// The event loop: one thread that runs callbacks, one at a time, each to its end.
//
//   vow::EventLoop loop;                       // this thread's loop from here on
//   loop.call_soon([] { std::puts("soon"); });
//   loop.call_later(absl::Seconds(1), [&] { std::puts("a second later"); loop.stop(); });
//   loop.run_forever().IgnoreError();          // until stop()
//
// WHAT RUNS WHEN. There are macrotasks (timers, posted calls, call_soon) and microtasks. A turn of the loop is:
//
//   1. the microtasks that are queued,
//   2. a wait for whatever comes first, if there is nothing else to run,
//   3. the timers that are due, by deadline, and equal deadlines in the order of setting,
//   4. the calls that other threads had posted when the turn began, or that ended the wait,
//   5. the call_soons that were there when the turn began,
//
// and after each macrotask all microtasks, in one FIFO, those included that they queue themselves. So a microtask that
// always queues another starves everything else, as in JavaScript; a call_soon that always calls itself starves
// nothing.
//
// THREADS. A loop belongs to the thread that made it; a thread has at most one. All functions are for that thread only,
// but for `post`. Whoever calls one from another thread, or on a closed loop, has a mistake in the program, which ends
// with a message that names it (loop/fatal.h).
//
// CALLBACKS are anything that can be called without arguments; they are moved or copied in, run at most once, and
// destroyed right after they ran, or with the loop. What they return is ignored. An exception that leaves a callback
// ends the program.
//
// TIME. A loop has a clock of its own. It starts at the wall clock's time and then runs steadily, whatever happens to
// the wall clock. It stands still during a macrotask and its microtasks: timers set with equal delays by one callback
// are due at the same time. (Hence a callback that blocks and then sets a timer sets it from when the callback first
// asked for the time.) Under Clock::kVirtual no time passes but in waiting, and to wait costs nothing: the clock jumps
// to the next deadline. A program of three seconds then runs in microseconds, in the same order.

#ifndef VOW_LOOP_EVENT_LOOP_H_
#define VOW_LOOP_EVENT_LOOP_H_

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "loop/call.h"
#include "loop/job.h"
#include "loop/source_location.h"
#include "loop/timer_queue.h"

namespace vow {

namespace loop_internal {
class Poller;
}

enum class Clock { kSystem, kVirtual };

struct LoopOptions {
  Clock clock = Clock::kSystem;
};

// What another thread needs to reach a loop, and to be safe when the loop ends first. May be copied and used from any
// thread.
//
//   std::thread worker([poster = loop.poster(), done] { poster.post([done] { done(compute()); }); });
//
// While a loop has posters it counts on being woken, so `run` does not give up for want of anything to do.
class Poster {
 public:
  Poster(const Poster& other);
  Poster(Poster&& other) noexcept = default;
  Poster& operator=(Poster other) noexcept;
  ~Poster();

  // Runs f on the loop's thread, in a later turn; what one thread posts runs in the order of posting. False if the loop
  // is closed; f is then destroyed at once. If the loop closes before f had its turn, f is destroyed on the loop's
  // thread.
  template <class F>
  bool post(F&& f) const {
    return loop_internal::post(*mailbox_, std::forward<F>(f));
  }

 private:
  friend class EventLoop;
  explicit Poster(std::shared_ptr<loop_internal::Mailbox> mailbox);
  std::shared_ptr<loop_internal::Mailbox> mailbox_;
};

class EventLoop {
 public:
  // Ends the program if this thread has a loop already, or if the system has no file descriptors left.
  explicit EventLoop(LoopOptions options = {}, SourceLocation where = SourceLocation::current());
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();  // Closes.

  // This thread's loop. `current` ends the program if there is none.
  static EventLoop& current(SourceLocation where = SourceLocation::current());
  static EventLoop* current_or_null() { return this_thread_.loop; }

  // Runs f in the next turn.
  template <loop_internal::NoJob F>
  Handle call_soon(F&& f, SourceLocation where = SourceLocation::current()) {
    check_usable("call_soon", where);
    if constexpr (loop_internal::kIsCallback<F>) {
      auto* call = new loop_internal::SoonCall<std::decay_t<F>>(std::forward<F>(f), id_);
      soon_.push(*call);
      return Handle(call);
    } else {
      loop_internal::explain<F>();
    }
  }

  // Runs f when `delay` has passed by this loop's clock, or at `time`; never before. What is past is due in the next
  // turn, the longest past first; InfiniteDuration and InfiniteFuture mean never.
  template <class F>
  Handle call_later(absl::Duration delay, F&& f, SourceLocation where = SourceLocation::current()) {
    return arm(&EventLoop::arm_after, "call_later", delay, std::forward<F>(f), where);
  }
  template <class F>
  Handle call_at(absl::Time time, F&& f, SourceLocation where = SourceLocation::current()) {
    return arm(&EventLoop::arm_at, "call_at", time, std::forward<F>(f), where);
  }

  // Runs f before anything else but the microtasks that are queued already.
  template <loop_internal::NoJob F>
  void queue_microtask(F&& f, SourceLocation where = SourceLocation::current()) {
    check_usable("queue_microtask", where);
    if constexpr (loop_internal::kIsCallback<F>) {
      microtasks_.push(*new loop_internal::Microtask<std::decay_t<F>>(std::forward<F>(f)));
    } else {
      loop_internal::explain<F>();
    }
  }

  // Runs f on this loop's thread, in a later turn. From any thread, as long as the loop object lives; a Poster is safe
  // beyond. See there.
  template <class F>
  bool post(F&& f) {
    return loop_internal::post(*mailbox_, std::forward<F>(f));
  }
  Poster poster();

  // Runs turns until `stop` is called; the turn in which it is called still goes to its end. `run` also returns when
  // there is nothing that could ever wake the loop: nothing to run, no timer that will be due, no Poster.
  // FailedPrecondition if the loop runs already.
  absl::Status run_forever(SourceLocation where = SourceLocation::current());
  absl::Status run(SourceLocation where = SourceLocation::current());

  // One turn that does not wait. FailedPrecondition if the loop runs already.
  absl::Status poll(SourceLocation where = SourceLocation::current());

  // Ends the run that is under way, or else the next one after one turn that does not wait.
  void stop(SourceLocation where = SourceLocation::current());

  // Destroys everything that waits, without running it, and gives back what the loop has from the system. Again:
  // nothing. The thread may then make another loop. Not for a running loop.
  void close(SourceLocation where = SourceLocation::current());

  absl::Time now(SourceLocation where = SourceLocation::current());
  bool is_running() const { return running_; }
  bool is_closed() const { return closed_; }

  // Whether there is nothing to run and nothing that could ever wake the loop: then `run` returns.
  bool is_stalled(SourceLocation where = SourceLocation::current()) const;

  // For those who bring their own memory: jobs and timers that carry their place in the queue. The loop never owns one;
  // it calls `run` (`fire`), or `drop` when it closes first.
  void call_soon(Job& job) { soon_.push(job); }
  void queue_microtask(Job& job) { microtasks_.push(job); }
  void queue_microtasks(JobQueue&& jobs) { microtasks_.append(std::move(jobs)); }
  void remove_microtask(Job& job) { microtasks_.remove(job); }
  bool has_microtasks() const { return !microtasks_.empty(); }
  void arm_after(Timer& timer, absl::Duration delay);
  void arm_at(Timer& timer, absl::Time time);
  static void disarm(Timer& timer) { loop_internal::TimerQueue::remove(timer); }

  // A number that tells this thread's loop from all others that are not closed; 0 if the thread has none. What belongs
  // to a loop notes it to find out cheaply whether it is being used where it belongs.
  static std::uint16_t current_id() { return this_thread_.id; }
  static bool is_open(std::uint16_t id);

 private:
  enum class Until { kStopped, kStalled };
  struct ThisThread {
    EventLoop* loop = nullptr;
    std::uint16_t id = 0;
  };
  static constinit thread_local ThisThread this_thread_;

  void check_usable(const char* call, SourceLocation where) const {
    if (this != this_thread_.loop) [[unlikely]]
      misused(call, where);
  }
  [[noreturn]] void misused(const char* call, SourceLocation where) const;

  template <class When, class F>
  Handle arm(void (EventLoop::*arm_timer)(Timer&, When), const char* name, When when, F&& f, SourceLocation where) {
    check_usable(name, where);
    if constexpr (loop_internal::kIsCallback<F>) {
      auto* call = new loop_internal::TimerCall<std::decay_t<F>>(std::forward<F>(f), id_);
      (this->*arm_timer)(*call, when);
      return Handle(call);
    } else {
      loop_internal::explain<F>();
    }
  }

  absl::Status run_turns(Until until);
  bool turn(bool may_wait, Until until);
  void wait();
  void run_microtasks();
  void run_due_timers();
  std::int64_t nanoseconds_now();

  JobQueue microtasks_;
  JobQueue soon_;
  static constexpr std::int64_t kUnread = -1;
  std::int64_t macrotask_time_ = kUnread;  // What the clock shows during this macrotask, once somebody has asked.
  std::uint16_t id_;
  bool running_ = false;
  bool stop_requested_ = false;
  bool closed_ = false;
  std::unique_ptr<loop_internal::Poller> poller_;
  std::unique_ptr<loop_internal::TimerQueue> timers_;
  std::shared_ptr<loop_internal::Mailbox> mailbox_;
};

}  // namespace vow

#endif  // VOW_LOOP_EVENT_LOOP_H_
