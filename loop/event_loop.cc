#include "loop/event_loop.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <mutex>
#include <vector>

#include "absl/strings/str_cat.h"
#include "loop/fatal.h"
#include "loop/fd_table.h"
#include "loop/mailbox.h"
#include "loop/poller.h"
#include "loop/signals.h"

namespace vow {

using loop_internal::FdTable;
using loop_internal::Mailbox;
using loop_internal::Poller;
using loop_internal::Signals;
using loop_internal::TimerQueue;

namespace {

// The ids of all open loops. Ids are given out in turn, so that one comes back as late as possible.
class OpenLoops {
 public:
  std::uint16_t open() {
    std::lock_guard lock(mutex_);
    for (int tries = 0; tries <= UINT16_MAX; ++tries) {
      if (++latest_ != 0 && !is_open_[latest_]) {
        is_open_[latest_] = true;
        return latest_;
      }
    }
    fatal("65535 event loops are open", SourceLocation::current());
  }
  void close(std::uint16_t id) {
    std::lock_guard lock(mutex_);
    is_open_[id] = false;
  }
  bool is_open(std::uint16_t id) {
    std::lock_guard lock(mutex_);
    return is_open_[id];
  }
  // Around a fork, so that the child finds it whole.
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
  std::uint16_t latest_ = 0;
  std::vector<bool> is_open_ = std::vector<bool>(UINT16_MAX + 1);
};

OpenLoops& open_loops() {
  static OpenLoops& loops = *new OpenLoops;  // Never destroyed: loops may close after the globals are gone.
  return loops;
}

// Rounded up, so that no timer is early.
std::int64_t to_nanoseconds(absl::Duration duration) {
  const std::int64_t whole = absl::ToInt64Nanoseconds(duration);  // Rounds towards zero, and stops at the ends.
  return whole >= 0 && whole != TimerQueue::kNever && absl::Nanoseconds(whole) < duration ? whole + 1 : whole;
}

std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) return b > 0 ? TimerQueue::kNever : std::numeric_limits<std::int64_t>::min();
  return sum;
}

}  // namespace

constinit thread_local EventLoop::ThisThread EventLoop::this_thread_;

EventLoop::EventLoop(LoopOptions options, SourceLocation where)
    : is_virtual_(options.clock == Clock::kVirtual),
      allow_nested_runs_(options.allow_nested_runs),
      has_special_options_(options.allow_nested_runs || options.slow_callback != absl::InfiniteDuration()),
      slow_callback_(to_nanoseconds(options.slow_callback)) {
  if (this_thread_.loop != nullptr) fatal("an event loop is made on a thread that has one", where);
  prepare_for_forks();
  poller_ =
      options.clock == Clock::kVirtual ? loop_internal::make_virtual_poller() : loop_internal::make_epoll_poller();
  timers_ = std::make_unique<TimerQueue>();
  fds_ = std::make_unique<FdTable>(*poller_, watches_, holds_);
  mailbox_ = std::make_shared<Mailbox>(*poller_);
  id_ = open_loops().open();
  this_thread_ = {.loop = this, .id = id_};
}

EventLoop::~EventLoop() { close(); }

EventLoop& EventLoop::current(SourceLocation where) {
  if (this_thread_.loop == nullptr) fatal(absl::StrCat("this thread has no event loop", why_none()), where);
  return *this_thread_.loop;
}

const char* EventLoop::why_none() {
  return this_thread_.has_forked ? ": a child process, made by fork, has no part in its parent's" : "";
}

bool EventLoop::is_open(std::uint16_t id) { return open_loops().is_open(id); }

void EventLoop::misused(const char* call, SourceLocation where) const {
  fatal(absl::StrCat(call, "() ",
                     closed_   ? "on a closed event loop"
                     : forked_ ? "in a child process, which has no part in its parent's event loop"
                               : "from another thread than the event loop's"),
        where);
}

// What the kernel knows of a loop, a child process shares with its parent: it must let go of it. A loop in virtual time
// then goes on in the child with what it has of its own; any other is lost to it.
void EventLoop::enter_child() {
  poller_->abandon();
  if (signals_ != nullptr) signals_->abandon();
  if (is_virtual_) {
    fds_->begin_anew();
  } else {
    forked_ = true;
    this_thread_ = {.loop = nullptr, .id = 0, .has_forked = true};
  }
}

// Of the thread that forks; in the child it is the only one.
void EventLoop::prepare_for_forks() {
  static const int registered = pthread_atfork(
      [] {
        open_loops().lock();
        Signals::before_fork();
      },
      [] {
        Signals::after_fork(/*is_child=*/false);
        open_loops().unlock();
      },
      [] {
        Signals::after_fork(/*is_child=*/true);
        open_loops().unlock();
        if (this_thread_.loop != nullptr) this_thread_.loop->enter_child();
      });
  static_cast<void>(registered);
}

namespace {

// A loop that always has something to do asks the poller for descriptors after so many macrotasks. A system call costs
// as much as some twenty of them.
constexpr int kMostWithoutLook = 64;
constexpr int kMostSignals = 64;  // In one turn.

std::int64_t wall_nanoseconds() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

// With the option slow_callback.
void EventLoop::run_timed(Job& job) {
  const SourceLocation place = job.made_at();
  const std::int64_t start = wall_nanoseconds();
  job.run();
  const std::int64_t taken = wall_nanoseconds() - start;
  if (taken <= slow_callback_) return;
  std::fprintf(stderr, "vow: a callback took %s: %s\n", absl::FormatDuration(absl::Nanoseconds(taken)).c_str(),
               place.line() == 0 ? "a timer's" : to_string(place).c_str());
}

template <bool kSpecial>
inline void EventLoop::run_microtasks() {
  while (Job* microtask = microtasks_.pop()) run_job<kSpecial>(*microtask);
}

template <bool kSpecial>
inline void EventLoop::run_job(Job& job) {
  if constexpr (kSpecial) {
    run_timed(job);
  } else {
    job.run();
  }
}

template <bool kSpecial>
inline void EventLoop::run_macrotask(Job& job) {
  run_job<kSpecial>(job);
  run_microtasks<kSpecial>();
  macrotask_time_ = kUnread;
}

// False if nothing can come any more, so that the run is to end. Inlined, because a turn often has a single call to
// make. What is posted or called soon while the macrotasks run belongs to the next turn; or, if one of them runs the
// loop, to the turns of that run, of which the first goes on with what is left of this one.
template <bool kSpecial>
[[gnu::always_inline]] inline bool EventLoop::turn(bool may_wait) {
  JobQueue own_macrotasks;
  JobQueue& macrotasks = kSpecial ? macrotasks_ : own_macrotasks;
  if (!mailbox_->is_empty()) macrotasks.append(mailbox_->take());
  macrotasks.append(std::move(soon_));

  run_microtasks<kSpecial>();
  macrotask_time_ = kUnread;

  if (may_wait && macrotasks.empty() && soon_.empty() && !run_->stop_requested && mailbox_->is_empty()) {
    if (run_->until == Until::kStalled && is_stalled()) return false;
    wait();
    macrotasks.append(mailbox_->take());
  } else if (watches_ != 0 && (!may_wait || ++macrotasks_without_look_ >= kMostWithoutLook)) {
    look_at_descriptors(0);
  }
  // Within a nested run some may be due that the outer one has not come to yet.
  if (kSpecial || !timers_->is_idle()) run_due_timers<kSpecial>();
  if (watches_ != 0) run_ready<kSpecial>();
  while (Job* macrotask = macrotasks.pop()) run_macrotask<kSpecial>(*macrotask);
  return true;
}

absl::Status EventLoop::run_forever(SourceLocation where) { return run_turns("run_forever", Until::kStopped, where); }

absl::Status EventLoop::run(SourceLocation where) { return run_turns("run", Until::kStalled, where); }

absl::Status EventLoop::poll(SourceLocation where) { return run_turns("poll", Until::kPolled, where); }

absl::Status EventLoop::not_runnable(const char* call, SourceLocation where) const {
  if (forked_ && this_thread_.loop != this)
    return absl::FailedPreconditionError(
        absl::StrCat(call, "(): a child process, made by fork, has no part in its parent's event loop"));
  check_usable(call, where);
  if (closed_) return absl::FailedPreconditionError(absl::StrCat(call, "(): the event loop is closing"));
  return absl::FailedPreconditionError(
      absl::StrCat(call, "(): the event loop is running already, and LoopOptions::allow_nested_runs is off"));
}

absl::Status EventLoop::run_turns(const char* call, Until until, SourceLocation where) {
  if (!is_runnable()) [[unlikely]]
    return not_runnable(call, where);
  Run this_run = {.outer = run_, .depth = run_depth() + 1, .until = until, .stop_requested = stop_requested_};
  run_ = &this_run;
  stop_requested_ = false;
  has_special_options_ ? run_turns<true>() : run_turns<false>();
  run_ = this_run.outer;
  return absl::OkStatus();
}

template <bool kSpecial>
inline void EventLoop::run_turns() {
  const bool may_wait = run_->until != Until::kPolled;
  while (turn<kSpecial>(may_wait) && may_wait && !run_->stop_requested) continue;
}

template <bool kSpecial>
void EventLoop::run_due_timers() {
  timers_->advance(poller_->now());
  while (Job* timer = timers_->pop_due()) run_macrotask<kSpecial>(*timer);
}

// The descriptors that are ready, and the signals that came.
template <bool kSpecial>
void EventLoop::run_ready() {
  bool has_signals = false;
  while (FdWatch* watch = fds_->pop_ready()) {
    if (signals_ != nullptr && watch == signals_->event_watch()) {
      has_signals = true;
    } else {
      run_macrotask<kSpecial>(*watch);
    }
  }
  if (has_signals && signals_->is_open()) signals_->take_deliveries();
  for (int left = kMostSignals; SignalWatch* watch = signals_ == nullptr ? nullptr : signals_->pop_ready();) {
    run_macrotask<kSpecial>(*watch);
    if (--left == 0) return signals_->leave_to_next_turn();
  }
}

void EventLoop::look_at_descriptors(std::int64_t timeout) {
  macrotasks_without_look_ = 0;
  fds_->deliver(poller_->wait(timeout));
}

// Sleeps until something may have come.
void EventLoop::wait() {
  std::int64_t timeout = Poller::kForever;
  const std::int64_t wakeup = timers_->wakeup();
  if (wakeup != TimerQueue::kNever) {
    timeout = std::max<std::int64_t>(wakeup - poller_->now(), 0);
    if (timeout == 0 && watches_ == 0) return;
  }
  if (mailbox_->fall_asleep()) look_at_descriptors(timeout);
}

bool EventLoop::is_stalled(SourceLocation where) const {
  check_usable("is_stalled", where);
  if (!microtasks_.empty() || !macrotasks_.empty() || !soon_.empty() || timers_->wakeup() != TimerQueue::kNever)
    return false;
  if (holds_ > 0) return false;
  // In this order: a poster may leave a letter and go.
  return !mailbox_->has_posters() && mailbox_->is_empty();
}

void EventLoop::stop(SourceLocation where) {
  check_usable("stop", where);
  (run_ != nullptr ? run_->stop_requested : stop_requested_) = true;
}

void EventLoop::stop_run(int depth) {
  Run* one = run_;
  while (one != nullptr && one->depth > depth) one = one->outer;
  if (one != nullptr && one->depth == depth) one->stop_requested = true;
}

absl::Status EventLoop::watch(FdWatch& watch, int fd, std::uint8_t interest, const char* call) {
  return fds_->add(watch, fd, interest, call);
}

void EventLoop::unwatch(FdWatch& watch) { fds_->remove(watch); }

absl::Status EventLoop::watch(SignalWatch& watch, int signal, const char* call) {
  if (signals_ == nullptr) signals_ = std::make_unique<Signals>(*fds_, holds_);
  return signals_->add(watch, signal, call);
}

void EventLoop::unwatch(SignalWatch& watch) {
  if (signals_ != nullptr) signals_->remove(watch);
}

absl::Status EventLoop::put_watch(FdWatch& callback, int fd, FdWatch::Kind kind, const char* call) {
  const std::uint8_t interest = kind == FdWatch::Kind::kReader ? FdWatch::kReadable : FdWatch::kWritable;
  if (absl::Status status = watch(callback, fd, interest, call); !status.ok()) {
    callback.drop();
    return status;
  }
  if (FdWatch* const before = fds_->find(fd, kind); before != &callback) {
    unwatch(*before);
    before->drop();
  }
  return absl::OkStatus();
}

absl::Status EventLoop::put_watch(SignalWatch& callback, int signal, SignalWatch::Kind, const char* call) {
  if (absl::Status status = watch(callback, signal, call); !status.ok()) {
    callback.drop();
    return status;
  }
  if (SignalWatch* const before = signals_->find_handler(signal); before != &callback) {
    unwatch(*before);
    before->drop();
  }
  return absl::OkStatus();
}

bool EventLoop::remove_callback(int fd, FdWatch::Kind kind, const char* call, SourceLocation where) {
  if (closed_) return false;
  check_usable(call, where);
  FdWatch* const callback = fds_->find(fd, kind);
  if (callback == nullptr) return false;
  unwatch(*callback);
  callback->drop();
  return true;
}

bool EventLoop::remove_reader(int fd, SourceLocation where) {
  return remove_callback(fd, FdWatch::Kind::kReader, "remove_reader", where);
}

bool EventLoop::remove_writer(int fd, SourceLocation where) {
  return remove_callback(fd, FdWatch::Kind::kWriter, "remove_writer", where);
}

bool EventLoop::remove_signal_handler(int signal, SourceLocation where) {
  if (closed_) return false;
  check_usable("remove_signal_handler", where);
  SignalWatch* const callback = signals_ == nullptr ? nullptr : signals_->find_handler(signal);
  if (callback == nullptr) return false;
  unwatch(*callback);
  callback->drop();
  return true;
}

void EventLoop::close(SourceLocation where) {
  if (closed_) return;
  const ThisThread others = this_thread_;  // In a child process there may be another loop.
  if (forked_) this_thread_ = {.loop = this, .id = id_};
  check_usable("close", where);
  if (run_ != nullptr) fatal("close() of a running event loop", where);
  closed_ = true;
  JobQueue jobs = mailbox_->close();
  jobs.append(std::move(microtasks_));
  microtasks_ = std::move(jobs);  // Where remove_microtask looks for them.
  // What is destroyed here may queue more, which is destroyed as well.
  while (drop_one()) continue;
  open_loops().close(id_);
  this_thread_ = forked_ ? others : ThisThread{};
  signals_.reset();
  fds_.reset();
  timers_.reset();
  poller_.reset();
}

bool EventLoop::drop_one() {
  microtasks_.append(std::move(macrotasks_));
  microtasks_.append(std::move(soon_));
  if (Job* job = at_close_.pop()) {
    job->drop();
  } else if (Job* microtask = microtasks_.pop()) {
    microtask->drop();
  } else if (Job* timer = timers_->pop_any()) {
    timer->drop();
  } else if (SignalWatch* signal = signals_ == nullptr ? nullptr : signals_->take_any()) {
    signal->drop();
  } else if (FdWatch* watch = fds_->take_any()) {
    watch->drop();
  } else {
    return false;
  }
  return true;
}

inline std::int64_t EventLoop::nanoseconds_now() {
  if (run_ == nullptr) return poller_->now();
  if (macrotask_time_ == kUnread) macrotask_time_ = poller_->now();
  return macrotask_time_;
}

absl::Time EventLoop::now(SourceLocation where) {
  check_usable("now", where);
  return poller_->origin() + absl::Nanoseconds(nanoseconds_now());
}

std::int64_t EventLoop::deadline_after(absl::Duration delay) {
  return saturating_add(nanoseconds_now(), to_nanoseconds(delay));
}

std::int64_t EventLoop::deadline_at(absl::Time time) { return to_nanoseconds(time - poller_->origin()); }

Poster EventLoop::poster() { return Poster(mailbox_); }

Poster::Poster(std::shared_ptr<Mailbox> mailbox) : mailbox_(std::move(mailbox)) { mailbox_->add_poster(); }

Poster::Poster(const Poster& other) : mailbox_(other.mailbox_) {
  if (mailbox_ != nullptr) mailbox_->add_poster();
}

Poster& Poster::operator=(Poster other) noexcept {
  std::swap(mailbox_, other.mailbox_);
  return *this;
}

Poster::~Poster() {
  if (mailbox_ != nullptr) mailbox_->remove_poster();
}

namespace loop_internal {

bool Cancellable::cancel(SourceLocation where) {
  if (!waiting_) return false;
  if (loop_id_ != EventLoop::current_id()) fatal("cancel() from another thread than the event loop's", where);
  call_off();
  return true;
}

bool post_letter(Mailbox& mailbox, Letter& letter) {
  if (mailbox.post(letter)) return true;
  letter.drop();
  return false;
}

}  // namespace loop_internal
}  // namespace vow
