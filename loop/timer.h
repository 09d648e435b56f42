// A timer is a job that is run at a certain time. As each job it carries its own place in a queue, so that to arm one
// allocates nothing.
//
//   class Alarm final : public vow::Timer {
//     void run() noexcept override { std::cout << "wake up\n"; }
//     void drop() noexcept override {}
//   };
//   loop.arm_after(alarm, absl::Minutes(5));
//   vow::EventLoop::disarm(alarm);
//
// A job of another kind becomes a timer by `class Reminder : public vow::Timed<Note>`. While it is armed it is in no other
// queue. Whoever owns an armed timer disarms it before it is destroyed.

#ifndef VOW_LOOP_TIMER_H_
#define VOW_LOOP_TIMER_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "loop/job.h"

namespace vow {

// A ring of timers around a head, which is no timer. Unlike Job::Queue it can be left by a timer that does not know in
// which one it is.
class Job::Ring {
 public:
  Ring() { head_.next_ = head_.previous_ = &head_; }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  bool empty() const { return head_.next_ == &head_; }

  void push_back(Job& timer) {
    timer.next_ = &head_;
    timer.previous_ = head_.previous_;
    head_.previous_->next_ = &timer;
    head_.previous_ = &timer;
  }

  // Takes the first timer out; null if there is none.
  Job* pop_front() {
    if (empty()) return nullptr;
    Job* timer = head_.next_;
    remove(*timer);
    return timer;
  }

  // Moves all of `other`'s timers, in their order, behind the ones that are here.
  void append(Ring& other) {
    if (other.empty()) return;
    Job* first = other.head_.next_;
    Job* last = other.head_.previous_;
    first->previous_ = head_.previous_;
    last->next_ = &head_;
    head_.previous_->next_ = first;
    head_.previous_ = last;
    other.head_.next_ = other.head_.previous_ = &other.head_;
  }

  // Whether the timer is in a ring, and takes it out of the one that it is in.
  static bool has(const Job& timer) { return timer.next_ != nullptr; }
  static void remove(Job& timer) {
    timer.next_->previous_ = timer.previous_;
    timer.previous_->next_ = timer.next_;
    timer.next_ = nullptr;
  }
  static void begin_outside(Job& timer) { timer.next_ = nullptr; }

  static std::int64_t deadline(const Job& timer) { return timer.deadline(); }
  std::int64_t first_deadline() const { return head_.next_->deadline(); }
  std::int64_t earliest_deadline() const {
    std::int64_t earliest = std::numeric_limits<std::int64_t>::max();
    for (const Job* timer = head_.next_; timer != &head_; timer = timer->next_) {
      const std::int64_t deadline = timer->deadline();
      if (deadline < earliest) earliest = deadline;
    }
    return earliest;
  }
  bool is_sorted() const {
    std::int64_t latest = std::numeric_limits<std::int64_t>::min();
    for (const Job* timer = head_.next_; timer != &head_; timer = timer->next_) {
      const std::int64_t deadline = timer->deadline();
      if (deadline < latest) return false;
      latest = deadline;
    }
    return true;
  }

  // At most so many are counted.
  std::size_t count(std::size_t most = std::numeric_limits<std::size_t>::max()) const {
    std::size_t count = 0;
    for (const Job* timer = head_.next_; timer != &head_ && count < most; timer = timer->next_) ++count;
    return count;
  }

 private:
  class Head final : public Job {
    void run() noexcept override {}
    void drop() noexcept override {}
  };
  Head head_;
};

// A Base, which is a job, that can be armed.
template <class Base>
class Timed : public Base {
 public:
  void set_deadline(std::int64_t deadline) { deadline_ = deadline; }  // For the queue.

 protected:
  template <class... Arguments>
  explicit Timed(Arguments&&... arguments) : Base(std::forward<Arguments>(arguments)...) {
    Job::Ring::begin_outside(*this);
  }
  ~Timed() = default;

 private:
  std::int64_t deadline() const noexcept final { return deadline_; }

  std::int64_t deadline_ = 0;
};

using Timer = Timed<Job>;

}  // namespace vow

#endif  // VOW_LOOP_TIMER_H_
