// The event loop: one thread that runs callbacks, one at a time, each to its end.
//
//   vow::EventLoop loop;                       // this thread's loop from here on
//   loop.call_soon([] { std::puts("soon"); });
//   loop.call_later(absl::Seconds(1), [&] { std::puts("a second later"); loop.stop(); });
//   loop.run_forever().IgnoreError();          // until stop()
//
// WHAT RUNS WHEN. There are macrotasks (timers, file descriptors, signals, posted calls, call_soon) and microtasks. A turn
// of the loop is:
//
//   1. the microtasks that are queued,
//   2. a wait for whatever comes first, if there is nothing else to run,
//   3. the timers that are due, by deadline, and equal deadlines in the order of setting,
//   4. the callbacks of file descriptors that are ready, those who read before those who write,
//   5. the handlers of signals that came, 64 at most: a storm of them holds up nobody,
//   6. the calls that other threads had posted when the turn began, or that ended the wait,
//   7. the call_soons that were there when the turn began,
//
// and after each macrotask all microtasks, in one FIFO, those included that they queue themselves. So a microtask that
// always queues another starves everything else, as in JavaScript; a call_soon that always calls itself starves
// nothing. (A loop that has no time to wait asks the kernel for descriptors and signals not in each turn, but at least
// once in 64 macrotasks, in each turn that has timers due, and in `poll`.)
//
// THREADS. A loop belongs to the thread that made it; a thread has at most one. All functions are for that thread only,
// but for `post`. Whoever calls one from another thread, or on a closed loop, has a mistake in the program, which ends
// with a message that names it (loop/fatal.h).
//
// CALLBACKS are anything that can be called without arguments; they are moved or copied in, run at most once (those of
// descriptors and signals: until they are removed), and destroyed right after, or with the loop. What they return is
// ignored. An exception that leaves a callback ends the program.
//
// FORK. A child process has no part in its parent's loops: to run one is FailedPrecondition, other calls end the
// program. It may make a loop of its own. (But a loop in virtual time, which is for tests, goes on in the child, without
// signals: GoogleTest's death tests fork.) All descriptors of the library are closed by exec.
//
// TIME. A loop has a clock of its own. It starts at the wall clock's time and then runs steadily, whatever happens to
// the wall clock. It stands still during a macrotask and its microtasks: timers set with equal delays by one callback
// are due at the same time. (Hence a callback that blocks and then sets a timer sets it from when the callback first
// asked for the time.) Under Clock::kVirtual no time passes but in waiting, and to wait costs nothing: the clock jumps
// to the next deadline. A program of three seconds then runs in microseconds, in the same order.

#ifndef VOW_LOOP_EVENT_LOOP_H_
#define VOW_LOOP_EVENT_LOOP_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "loop/call.h"
#include "loop/fd_watch.h"
#include "loop/job.h"
#include "loop/signal_watch.h"
#include "loop/source_location.h"
#include "loop/timer.h"
#include "loop/timer_queue.h"

namespace vow {

namespace loop_internal {
class FdTable;
class Poller;
class Signals;
}  // namespace loop_internal

enum class Clock { kSystem, kVirtual };

struct LoopOptions {
  Clock clock = Clock::kSystem;
  // Whether a callback may run the loop that it runs on, to wait for something without returning. The inner run goes on
  // with everything; the outer one waits for it to end, also when it was told to stop before.
  bool allow_nested_runs = false;
  // For debugging: each callback that takes longer than this, by the wall clock, is reported on stderr, with the place
  // where it, or its promise, was made.
  absl::Duration slow_callback = absl::InfiniteDuration();
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
  // For messages: how it comes that there is none, if that is known; or "".
  static const char* why_none();

  // Runs f in the next turn.
  template <loop_internal::NoJob F>
  Handle call_soon(F&& f, SourceLocation where = SourceLocation::current()) {
    check_usable("call_soon", where);
    if constexpr (loop_internal::kIsCallback<F>) {
      auto* call = new loop_internal::SoonCall<std::decay_t<F>>(std::forward<F>(f), id_, where);
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
    check_usable("call_later", where);
    return arm(deadline_after(delay), std::forward<F>(f), where);
  }
  template <class F>
  Handle call_at(absl::Time time, F&& f, SourceLocation where = SourceLocation::current()) {
    check_usable("call_at", where);
    return arm(deadline_at(time), std::forward<F>(f), where);
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

  // Runs f, again and again, in each turn that finds the file descriptor readable: there is data, the end, or an error
  // to be read; or writable: there is room, or an error. f takes the place of the one that there was, for this
  // descriptor and direction. Remove it before you close the descriptor. An error if fd is none, or of a kind that epoll
  // does not know (PermissionDenied: a regular file, which is always ready), or belongs to a stream of the library
  // (FailedPrecondition).
  template <class F>
  absl::Status add_reader(int fd, F&& f, SourceLocation where = SourceLocation::current()) {
    return add_watch<FdWatch>("add_reader", FdWatch::Kind::kReader, fd, std::forward<F>(f), where);
  }
  template <class F>
  absl::Status add_writer(int fd, F&& f, SourceLocation where = SourceLocation::current()) {
    return add_watch<FdWatch>("add_writer", FdWatch::Kind::kWriter, fd, std::forward<F>(f), where);
  }
  // Whether there was one. From here on it does not run, also if the descriptor has been found ready.
  bool remove_reader(int fd, SourceLocation where = SourceLocation::current());
  bool remove_writer(int fd, SourceLocation where = SourceLocation::current());

  // Runs f, as an ordinary callback, each time that the process is sent the signal. f takes the place of the one that
  // there was. What the signal did before, it does again when f is removed. InvalidArgument for a number that is none,
  // for what cannot be handled (SIGKILL, SIGSTOP), and for what cannot wait (SIGSEGV, SIGBUS, SIGFPE, SIGILL);
  // FailedPrecondition if another thread's loop handles the signal.
  template <class F>
  absl::Status add_signal_handler(int signal, F&& f, SourceLocation where = SourceLocation::current()) {
    return add_watch<SignalWatch>("add_signal_handler", SignalWatch::Kind::kHandler, signal, std::forward<F>(f), where);
  }
  bool remove_signal_handler(int signal, SourceLocation where = SourceLocation::current());

  // Runs f(absl::StatusOr<int>) when the child process has ended, with its status as waitpid gives it (see WIFEXITED),
  // and so takes it from the kernel. NotFound if there is none: f gets it, if somebody else was faster.
  template <class F>
  absl::StatusOr<Handle> call_on_exit(pid_t child, F&& f, SourceLocation where = SourceLocation::current()) {
    check_usable("call_on_exit", where);
    if constexpr (loop_internal::kTakesExit<F>) {
      auto* call = new loop_internal::ExitCall<std::decay_t<F>>(std::forward<F>(f), id_, where);
      if (absl::Status status = call->open(*this, child); !status.ok()) {
        call->remove_handle();
        call->drop();
        return status;
      }
      return Handle(call);
    } else {
      static_assert(loop_internal::kTakesExit<F>,
                    "call_on_exit(child, f): f must be callable with an absl::StatusOr<int>");
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
  // there is nothing that could ever wake the loop: nothing to run, no timer that will be due, no descriptor, signal or
  // child that somebody waits for, no Poster. FailedPrecondition if the loop runs already, unless nested runs are
  // allowed.
  absl::Status run_forever(SourceLocation where = SourceLocation::current());
  absl::Status run(SourceLocation where = SourceLocation::current());

  // One turn that does not wait. FailedPrecondition if the loop runs already.
  absl::Status poll(SourceLocation where = SourceLocation::current());

  // Ends the run that is under way (the innermost), or else the next one after one turn that does not wait.
  void stop(SourceLocation where = SourceLocation::current());

  // Destroys everything that waits, without running it, and gives back what the loop has from the system. Again:
  // nothing. The thread may then make another loop. Not for a running loop.
  void close(SourceLocation where = SourceLocation::current());

  absl::Time now(SourceLocation where = SourceLocation::current());
  // Whether a run may begin: OK, or what run, run_forever and poll would say.
  absl::Status check_runnable(const char* call, SourceLocation where = SourceLocation::current()) const {
    return is_runnable() ? absl::OkStatus() : not_runnable(call, where);
  }
  bool is_running() const { return run_ != nullptr; }
  bool is_closed() const { return closed_; }

  // Whether there is nothing to run and nothing that could ever wake the loop: then `run` returns.
  bool is_stalled(SourceLocation where = SourceLocation::current()) const;

  // For those who bring their own memory: jobs and timers that carry their place in the queue. The loop never owns one;
  // it calls `run`, or `drop` when it closes first.
  void call_soon(Job& job) { soon_.push(job); }
  void queue_microtask(Job& job) { microtasks_.push(job); }
  void queue_microtasks(JobQueue&& jobs) { microtasks_.append(std::move(jobs)); }
  void remove_microtask(Job& job) { microtasks_.remove(job); }
  bool has_microtasks() const { return !microtasks_.empty(); }
  template <class Base>
  void arm_after(Timed<Base>& timer, absl::Duration delay) {
    timers_->add(timer, deadline_after(delay));
  }
  template <class Base>
  void arm_at(Timed<Base>& timer, absl::Time time) {
    timers_->add(timer, deadline_at(time));
  }
  template <class Base>
  static void disarm(Timed<Base>& timer) {
    loop_internal::TimerQueue::remove(timer);
  }
  absl::Status watch(FdWatch& watch, int fd, std::uint8_t interest, const char* call = "watch");
  void unwatch(FdWatch& watch);
  absl::Status watch(SignalWatch& watch, int signal, const char* call = "watch");
  void unwatch(SignalWatch& watch);
  // A loop waits for the descriptors that are watched, but for those watched on edges: these say by `hold` that somebody
  // waits, and by `release` that nobody does any more.
  void hold() { ++holds_; }
  void release() { --holds_; }
  // Dropped when the loop closes, before anything else is; never run.
  void add_at_close(Job& job) { at_close_.push(job); }
  void remove_at_close(Job& job) { at_close_.remove(job); }

  // How many runs are under way, one within another; and `stop` for the one that has so many with it.
  int run_depth() const { return run_ == nullptr ? 0 : run_->depth; }
  void stop_run(int depth);

  // A number that tells this thread's loop from all others that are not closed; 0 if the thread has none. What belongs
  // to a loop notes it to find out cheaply whether it is being used where it belongs.
  static std::uint16_t current_id() { return this_thread_.id; }
  static bool is_open(std::uint16_t id);
  // Of a loop that is this thread's, or closed: whether it runs nothing any more.
  static bool has_ended(std::uint16_t id) { return id != current_id() || current_or_null()->is_closed(); }

 private:
  enum class Until { kStopped, kStalled, kPolled };
  struct Run {  // One that is under way.
    Run* outer;
    int depth;
    Until until;
    bool stop_requested;
  };
  struct ThisThread {
    EventLoop* loop = nullptr;
    std::uint16_t id = 0;
    bool has_forked = false;  // And so has lost its loop.
  };
  static constinit thread_local ThisThread this_thread_;

  void check_usable(const char* call, SourceLocation where) const {
    if (this != this_thread_.loop) [[unlikely]]
      misused(call, where);
  }
  [[noreturn]] void misused(const char* call, SourceLocation where) const;

  template <class Watch, class F>
  absl::Status add_watch(const char* name, typename Watch::Kind kind, int fd_or_signal, F&& f, SourceLocation where) {
    check_usable(name, where);
    if constexpr (loop_internal::kIsRepeatable<F>) {
      return put_watch(*new loop_internal::WatchCall<Watch, std::decay_t<F>>(kind, std::forward<F>(f), where),
                       fd_or_signal, kind, name);
    } else {
      static_assert(loop_internal::kIsRepeatable<F>,
                    "a callback for a descriptor or a signal must be callable without arguments, again and again");
      __builtin_unreachable();
    }
  }
  absl::Status put_watch(FdWatch& callback, int fd, FdWatch::Kind kind, const char* call);
  absl::Status put_watch(SignalWatch& callback, int signal, SignalWatch::Kind kind, const char* call);
  bool remove_callback(int fd, FdWatch::Kind kind, const char* call, SourceLocation where);

  std::int64_t deadline_after(absl::Duration delay);
  std::int64_t deadline_at(absl::Time time);
  template <class F>
  Handle arm(std::int64_t deadline, F&& f, SourceLocation where) {
    if constexpr (loop_internal::kIsCallback<F>) {
      auto* call = new loop_internal::TimerCall<std::decay_t<F>>(std::forward<F>(f), id_, where);
      timers_->add(*call, deadline);
      return Handle(call);
    } else {
      loop_internal::explain<F>();
    }
  }

  static void prepare_for_forks();
  void enter_child();
  bool is_runnable() const { return this == this_thread_.loop && !closed_ && (run_ == nullptr || allow_nested_runs_); }
  absl::Status not_runnable(const char* call, SourceLocation where) const;
  absl::Status run_turns(const char* call, Until until, SourceLocation where);
  // kSpecial: for loops with the options slow_callback or allow_nested_runs, in a copy of its own, so that the others do
  // not pay for it.
  template <bool kSpecial>
  void run_turns();
  template <bool kSpecial>
  bool turn(bool may_wait);
  template <bool kSpecial>
  void run_due_timers();
  template <bool kSpecial>
  void run_ready();
  template <bool kSpecial>
  void run_macrotask(Job& job);
  template <bool kSpecial>
  void run_microtasks();
  template <bool kSpecial>
  void run_job(Job& job);
  void run_timed(Job& job);
  void wait();
  void look_at_descriptors(std::int64_t timeout);
  bool drop_one();
  std::int64_t nanoseconds_now();

  JobQueue microtasks_;
  JobQueue soon_;        // Of the next turn.
  JobQueue macrotasks_;  // Of this turn, if runs may be nested; else they are the turn's own.
  static constexpr std::int64_t kUnread = -1;
  std::int64_t macrotask_time_ = kUnread;  // What the clock shows during this macrotask, once somebody has asked.
  Run* run_ = nullptr;                     // The innermost.
  std::uint16_t id_;
  int watches_ = 0;
  int holds_ = 0;                              // So many keep `run` waiting.
                                               // In fds_.
  std::uint16_t macrotasks_without_look_ = 0;  // That ran since the poller was asked for descriptors.
  bool stop_requested_ = false;                // Before there was a run.
  bool closed_ = false;
  bool forked_ = false;
  const bool is_virtual_;
  const bool allow_nested_runs_;
  const bool has_special_options_;
  const std::int64_t slow_callback_;  // In nanoseconds.
  JobQueue at_close_;
  std::unique_ptr<loop_internal::Poller> poller_;
  std::unique_ptr<loop_internal::TimerQueue> timers_;
  std::unique_ptr<loop_internal::FdTable> fds_;
  std::unique_ptr<loop_internal::Signals> signals_;  // Null until there is one.
  std::shared_ptr<loop_internal::Mailbox> mailbox_;
};

}  // namespace vow

#endif  // VOW_LOOP_EVENT_LOOP_H_
