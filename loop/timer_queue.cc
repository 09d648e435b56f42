#include "loop/timer_queue.h"

#include <algorithm>
#include <bit>
#include <new>

namespace vow::loop_internal {

// For a deadline after now_.
inline void TimerQueue::place(Job& timer, std::int64_t deadline) {
  const auto difference = static_cast<std::uint64_t>(deadline ^ now_);
  const unsigned highest_bit = 63 ^ static_cast<unsigned>(__builtin_clzll(difference));
  const unsigned level = highest_bit / kDigitBits;
  const unsigned slot = static_cast<unsigned>(deadline >> (level * kDigitBits)) % kSlots;
  occupied_[level] |= std::uint64_t{1} << slot;
  wheel_[level][slot].push_back(timer);
}

void TimerQueue::add_job(Job& timer, std::int64_t deadline) {
  if (deadline == kNever) {
    never_.push_back(timer);
    return;
  }
  idle_ = false;
  if (deadline <= now_) {
    overdue_.push_back(timer);
  } else {
    place(timer, deadline);
  }
}

std::int64_t TimerQueue::wakeup() {
  if (!due_.empty() || !overdue_.empty()) return now_;
  const Place first = first_occupied();
  if (first.level == kLevels) return kNever;
  constexpr std::size_t kFewEnoughToSearch = 32;
  List& timers = wheel_[first.level][first.slot];
  return timers.count(kFewEnoughToSearch + 1) > kFewEnoughToSearch ? start_of(first) : timers.earliest_deadline();
}

void TimerQueue::advance(std::int64_t now) {
  hand_out(overdue_);
  while (true) {
    const Place first = first_occupied();
    if (first.level == kLevels) {
      idle_ = true;
      break;
    }
    const std::int64_t start = start_of(first);
    if (start > now) break;
    List& timers = wheel_[first.level][first.slot];
    if (now - start >= width_of(first.level) - 1) {
      hand_out(timers);
      continue;
    }
    // The slot that `now` lies in. What was before it has been handed out, and what is behind it is not yet due.
    now_ = now;
    List entered;
    entered.append(timers);
    List due;
    while (Job* timer = entered.pop_front()) {
      const std::int64_t deadline = List::deadline(*timer);
      if (deadline <= now) {
        due.push_back(*timer);
      } else {
        place(*timer, deadline);
      }
    }
    hand_out(due);
  }
  now_ = std::max(now_, now);
}

// Moves the timers to the end of due_, in order.
void TimerQueue::hand_out(List& timers) {
  if (!timers.is_sorted()) sort(timers);
  due_.append(timers);
}

// By deadline; equal deadlines stay in their order.
void TimerQueue::sort(List& timers) {
  const std::size_t count = timers.count();
  if (count > room_to_sort_) {
    to_sort_.reset(new (std::nothrow) Sortable[2 * count]);
    room_to_sort_ = to_sort_ == nullptr ? 0 : 2 * count;
    if (to_sort_ == nullptr) return merge_sort(timers, count);
  }
  Sortable* end = to_sort_.get();
  while (Job* timer = timers.pop_front()) {
    *end = {List::deadline(*timer), static_cast<std::size_t>(end - to_sort_.get()), timer};
    ++end;
  }
  std::sort(to_sort_.get(), end, [](const Sortable& a, const Sortable& b) {
    return a.deadline != b.deadline ? a.deadline < b.deadline : a.position < b.position;
  });
  for (const Sortable* sorted = to_sort_.get(); sorted != end; ++sorted) timers.push_back(*sorted->timer);
  constexpr std::size_t kMostRoomKept = 4096;
  if (room_to_sort_ > kMostRoomKept) {
    to_sort_.reset();
    room_to_sort_ = 0;
  }
}

// Slower, but it needs no memory.
void TimerQueue::merge_sort(List& timers, std::size_t count) {
  if (count < 2) return;
  List front;
  for (std::size_t i = 0; i < count / 2; ++i) front.push_back(*timers.pop_front());
  merge_sort(front, count / 2);
  merge_sort(timers, count - count / 2);
  List merged;
  while (!front.empty() && !timers.empty()) {
    List& earlier = timers.first_deadline() < front.first_deadline() ? timers : front;
    merged.push_back(*earlier.pop_front());
  }
  merged.append(front);
  merged.append(timers);
  timers.append(merged);
}

Job* TimerQueue::pop_any() {
  for (List* list : {&due_, &overdue_, &never_}) {
    if (Job* timer = list->pop_front()) return timer;
  }
  const Place first = first_occupied();
  return first.level == kLevels ? nullptr : wheel_[first.level][first.slot].pop_front();
}

TimerQueue::Place TimerQueue::first_occupied() {
  for (int level = 0; level < kLevels; ++level) {
    while (occupied_[level] != 0) {
      const int slot = std::countr_zero(occupied_[level]);
      if (!wheel_[level][slot].empty()) return {level, slot};
      occupied_[level] &= ~(std::uint64_t{1} << slot);  // `remove` leaves this to us.
    }
  }
  return {};
}

// The first time whose digits are those of now_ above the place's level, and the slot at it.
std::int64_t TimerQueue::start_of(Place place) const {
  const int shift = place.level * kDigitBits;
  const std::uint64_t above = (static_cast<std::uint64_t>(now_) >> shift) & ~std::uint64_t{kSlots - 1};
  return static_cast<std::int64_t>((above | static_cast<std::uint64_t>(place.slot)) << shift);
}

}  // namespace vow::loop_internal
