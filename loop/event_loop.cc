#include "loop/event_loop.h"

#include <cstdint>
#include <limits>
#include <mutex>
#include <vector>

#include "absl/strings/str_cat.h"
#include "loop/fatal.h"
#include "loop/mailbox.h"
#include "loop/poller.h"

namespace vow {

using loop_internal::Mailbox;
using loop_internal::Poller;
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

EventLoop::EventLoop(LoopOptions options, SourceLocation where) {
  if (this_thread_.loop != nullptr) fatal("an event loop is made on a thread that has one", where);
  poller_ =
      options.clock == Clock::kVirtual ? loop_internal::make_virtual_poller() : loop_internal::make_epoll_poller();
  timers_ = std::make_unique<TimerQueue>();
  mailbox_ = std::make_shared<Mailbox>(*poller_);
  id_ = open_loops().open();
  this_thread_ = {this, id_};
}

EventLoop::~EventLoop() { close(); }

EventLoop& EventLoop::current(SourceLocation where) {
  if (this_thread_.loop == nullptr) fatal("this thread has no event loop", where);
  return *this_thread_.loop;
}

bool EventLoop::is_open(std::uint16_t id) { return open_loops().is_open(id); }

void EventLoop::misused(const char* call, SourceLocation where) const {
  fatal(absl::StrCat(call, "() ", closed_ ? "on a closed event loop" : "from another thread than the event loop's"),
        where);
}

namespace {

absl::Status not_runnable() { return absl::FailedPreconditionError("the event loop is running already, or closing"); }

}  // namespace

inline void EventLoop::run_microtasks() {
  while (Job* microtask = microtasks_.pop()) microtask->run();
}

// False if nothing can come any more, so that the run is to end. Inlined, because a turn often has a single call to
// make.
[[gnu::always_inline]] inline bool EventLoop::turn(bool may_wait, Until until) {
  JobQueue macrotasks;  // Of this turn. What is posted or called soon from here on belongs to the next.
  if (!mailbox_->is_empty()) macrotasks = mailbox_->take();
  macrotasks.append(std::move(soon_));

  run_microtasks();
  macrotask_time_ = kUnread;

  if (may_wait && !stop_requested_ && macrotasks.empty() && soon_.empty() && mailbox_->is_empty()) {
    if (until == Until::kStalled && is_stalled()) return false;
    wait();
    macrotasks = mailbox_->take();
  }
  if (!timers_->is_idle()) run_due_timers();
  while (Job* macrotask = macrotasks.pop()) {
    macrotask->run();
    run_microtasks();
    macrotask_time_ = kUnread;
  }
  return true;
}

absl::Status EventLoop::run_forever(SourceLocation where) {
  check_usable("run_forever", where);
  return run_turns(Until::kStopped);
}

absl::Status EventLoop::run(SourceLocation where) {
  check_usable("run", where);
  return run_turns(Until::kStalled);
}

absl::Status EventLoop::poll(SourceLocation where) {
  check_usable("poll", where);
  if (running_ || closed_) return not_runnable();
  running_ = true;
  turn(/*may_wait=*/false, Until::kStopped);
  running_ = false;
  stop_requested_ = false;
  return absl::OkStatus();
}

absl::Status EventLoop::run_turns(Until until) {
  if (running_ || closed_) return not_runnable();
  running_ = true;
  while (turn(/*may_wait=*/true, until) && !stop_requested_) continue;
  running_ = false;
  stop_requested_ = false;
  return absl::OkStatus();
}

void EventLoop::run_due_timers() {
  timers_->advance(poller_->now());
  while (Timer* timer = timers_->pop_due()) {
    timer->fire();
    run_microtasks();
    macrotask_time_ = kUnread;
  }
}

// Sleeps until something may have come.
void EventLoop::wait() {
  std::int64_t timeout = Poller::kForever;
  const std::int64_t wakeup = timers_->wakeup();
  if (wakeup != TimerQueue::kNever) {
    timeout = wakeup - poller_->now();
    if (timeout <= 0) return;
  }
  if (mailbox_->fall_asleep()) poller_->wait(timeout);
}

bool EventLoop::is_stalled(SourceLocation where) const {
  check_usable("is_stalled", where);
  if (!microtasks_.empty() || !soon_.empty() || timers_->wakeup() != TimerQueue::kNever) return false;
  // In this order: a poster may leave a letter and go.
  return !mailbox_->has_posters() && mailbox_->is_empty();
}

void EventLoop::stop(SourceLocation where) {
  check_usable("stop", where);
  stop_requested_ = true;
}

void EventLoop::close(SourceLocation where) {
  if (closed_) return;
  check_usable("close", where);
  if (running_) fatal("close() of a running event loop", where);
  closed_ = true;
  JobQueue jobs = mailbox_->close();
  jobs.append(std::move(microtasks_));
  microtasks_ = std::move(jobs);  // Where remove_microtask looks for them.
  // What is destroyed here may queue more, which is destroyed as well.
  while (true) {
    microtasks_.append(std::move(soon_));
    if (Job* job = microtasks_.pop()) {
      job->drop();
    } else if (Timer* timer = timers_->pop_any()) {
      timer->drop();
    } else {
      break;
    }
  }
  open_loops().close(id_);
  this_thread_ = {};
  timers_.reset();
  poller_.reset();
}

inline std::int64_t EventLoop::nanoseconds_now() {
  if (!running_) return poller_->now();
  if (macrotask_time_ == kUnread) macrotask_time_ = poller_->now();
  return macrotask_time_;
}

absl::Time EventLoop::now(SourceLocation where) {
  check_usable("now", where);
  return poller_->origin() + absl::Nanoseconds(nanoseconds_now());
}

void EventLoop::arm_after(Timer& timer, absl::Duration delay) {
  timers_->add(timer, saturating_add(nanoseconds_now(), to_nanoseconds(delay)));
}

void EventLoop::arm_at(Timer& timer, absl::Time time) { timers_->add(timer, to_nanoseconds(time - poller_->origin())); }

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
