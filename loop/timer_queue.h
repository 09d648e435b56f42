// The timers of a loop, in the order in which they fall due: by deadline, and equal deadlines in the order of adding.
//
//   TimerQueue timers;
//   timers.add(a, 300);
//   timers.add(b, 100);
//   timers.add(c, 100);
//   timers.wakeup();      // 100: no need to look before
//   timers.advance(250);  // time passes
//   while (Job* timer = timers.pop_due()) timer->run();  // b, c
//
// Knows nothing of clocks: times are nanoseconds of whatever clock the caller has. Adding and removing take constant
// time and no memory.
//
// It is a hierarchical timing wheel (Varghese and Lauck, 1987), exact to the nanosecond. Read a deadline as a number in
// base 64. A timer stands at the level of the highest digit in which its deadline differs from `now_`, in the slot of that
// digit:
//
//   now_ = ... 7 12 40      deadline ... 7 12 51  ->  level 0, slot 51
//                           deadline ... 7 30  5  ->  level 1, slot 30
//
// All of a lower level is due before any of a higher one, and within a level the slots are due in their order. When
// time passes, the slots that it has passed are due: each is sorted and handed out. The timers of the slot that it has
// entered are dealt out anew, to lower levels. So a timer is moved at most once a level, and most are cancelled before
// they are moved at all.
//
// Equal deadlines always stand in the same list, in the order of adding, because a timer's place depends on its
// deadline and on `now_` alone, and dealing out goes from front to back. So no timer needs a sequence number.

#ifndef VOW_LOOP_TIMER_QUEUE_H_
#define VOW_LOOP_TIMER_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "loop/job.h"
#include "loop/timer.h"

namespace vow {
namespace loop_internal {

class TimerQueue {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  // Adds a timer that is in no queue. One whose deadline is past is due at the next `advance`; kNever is never due.
  template <class Base>
  void add(Timed<Base>& timer, std::int64_t deadline) {
    timer.set_deadline(deadline);
    add_job(timer, deadline);
  }

  // Takes the timer out, due or not. Nothing happens if it is in no queue.
  template <class Base>
  static void remove(Timed<Base>& timer) {
    if (List::has(timer)) List::remove(timer);
  }

  // When to call `advance` next: at the first deadline, or before it if many timers stand together and have to be
  // sorted first. Not after `now_` if something is due already; kNever if nothing ever will be.
  std::int64_t wakeup();

  // Lets time pass until `now`; an earlier time than before changes nothing. What is due by then `pop_due` hands out.
  void advance(std::int64_t now);

  // True if nothing will ever be due, so that `advance` need not be called.
  bool is_idle() const { return idle_; }

  // Takes out the first of the timers that were due at the last `advance`; null if none is left.
  Job* pop_due() { return due_.pop_front(); }

  // Takes out some timer, due or not; null if there is none. For closing.
  Job* pop_any();

 private:
  static constexpr int kDigitBits = 6;
  static constexpr int kSlots = 1 << kDigitBits;
  static constexpr int kLevels = (63 + kDigitBits - 1) / kDigitBits;

  using List = Job::Ring;
  struct Sortable {
    std::int64_t deadline;
    std::size_t position;
    Job* timer;
  };
  struct Place {
    int level = kLevels;  // kLevels: nowhere.
    int slot = 0;
  };
  void add_job(Job& timer, std::int64_t deadline);
  void place(Job& timer, std::int64_t deadline);
  Place first_occupied();
  std::int64_t start_of(Place place) const;
  static std::int64_t width_of(int level) { return std::int64_t{1} << (level * kDigitBits); }
  void hand_out(List& timers);
  void sort(List& timers);
  static void merge_sort(List& timers, std::size_t count);

  std::int64_t now_ = 0;
  bool idle_ = true;
  List wheel_[kLevels][kSlots];           // What is due after now_.
  std::uint64_t occupied_[kLevels] = {};  // A bit for each slot; where it is 0, the slot is empty.
  List overdue_;                          // What was added with a deadline of now_ or before.
  List never_;
  List due_;                             // What pop_due hands out, in order.
  std::unique_ptr<Sortable[]> to_sort_;  // Room for sorting.
  std::size_t room_to_sort_ = 0;
};

}  // namespace loop_internal
}  // namespace vow

#endif  // VOW_LOOP_TIMER_QUEUE_H_
