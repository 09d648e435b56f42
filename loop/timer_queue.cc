#include "loop/timer_queue.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <tuple>
#include <vector>

namespace vow::loop_internal {

void TimerQueue::add(Timer& timer, std::int64_t deadline) {
  timer.deadline_ = deadline;
  if (deadline == kNever) {
    never_.push_back(timer);
    return;
  }
  idle_ = false;
  if (deadline <= now_) {
    overdue_.push_back(timer);
  } else {
    place(timer);
  }
}

void TimerQueue::remove(Timer& timer) {
  TimerLink& link = timer;
  if (link.next == nullptr) return;
  link.next->previous = link.previous;
  link.previous->next = link.next;
  link.next = nullptr;
}

std::int64_t TimerQueue::wakeup() {
  if (!due_.empty() || !overdue_.empty()) return now_;
  const Place first = first_occupied();
  if (first.level == kLevels) return kNever;
  constexpr int kFewEnoughToSearch = 32;
  List& timers = wheel_[first.level][first.slot];
  return timers.has_more_than(kFewEnoughToSearch) ? start_of(first) : timers.earliest();
}

void TimerQueue::advance(std::int64_t now) {
  overdue_.sort();
  due_.append(overdue_);
  while (true) {
    const Place first = first_occupied();
    if (first.level == kLevels) {
      idle_ = true;
      break;
    }
    List& timers = wheel_[first.level][first.slot];
    if (timers.has_one()) {  // Needs no sorting.
      if (timers.front().deadline_ > now) break;
      now_ = timers.front().deadline_;
      due_.append(timers);
      continue;
    }
    if (start_of(first) > now) break;
    now_ = start_of(first);
    if (first.level == 0) {
      due_.append(timers);
      continue;
    }
    List entered;
    entered.append(timers);
    while (Timer* timer = entered.pop_front()) {
      if (timer->deadline_ == now_) {
        due_.push_back(*timer);
      } else {
        place(*timer);
      }
    }
  }
  now_ = std::max(now_, now);
}

Timer* TimerQueue::pop_any() {
  for (List* list : {&due_, &overdue_, &never_}) {
    if (Timer* timer = list->pop_front()) return timer;
  }
  const Place first = first_occupied();
  return first.level == kLevels ? nullptr : wheel_[first.level][first.slot].pop_front();
}

void TimerQueue::place(Timer& timer) {
  const int level = (std::bit_width(static_cast<std::uint64_t>(timer.deadline_ ^ now_)) - 1) / kDigitBits;
  const int slot = static_cast<int>(timer.deadline_ >> (level * kDigitBits)) & (kSlots - 1);
  wheel_[level][slot].push_back(timer);
  occupied_[level] |= std::uint64_t{1} << slot;
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

void TimerQueue::List::push_back(Timer& timer) {
  TimerLink& link = timer;
  link.next = &head_;
  link.previous = head_.previous;
  head_.previous->next = &link;
  head_.previous = &link;
}

Timer* TimerQueue::List::pop_front() {
  if (empty()) return nullptr;
  Timer& timer = front();
  remove(timer);
  return &timer;
}

void TimerQueue::List::append(List& other) {
  if (other.empty()) return;
  TimerLink* first = other.head_.next;
  TimerLink* last = other.head_.previous;
  first->previous = head_.previous;
  last->next = &head_;
  head_.previous->next = first;
  head_.previous = last;
  other.head_.next = other.head_.previous = &other.head_;
}

void TimerQueue::List::sort() {
  if (empty() || has_one()) return;
  std::vector<std::tuple<std::int64_t, std::size_t, Timer*>> timers;
  while (Timer* timer = pop_front()) timers.emplace_back(timer->deadline_, timers.size(), timer);
  std::sort(timers.begin(), timers.end());
  for (auto& [deadline, position, timer] : timers) push_back(*timer);
}

std::int64_t TimerQueue::List::earliest() const {
  std::int64_t earliest = kNever;
  for (const TimerLink* link = head_.next; link != &head_; link = link->next) {
    earliest = std::min(earliest, static_cast<const Timer*>(link)->deadline_);
  }
  return earliest;
}

bool TimerQueue::List::has_more_than(int count) const {
  const TimerLink* link = head_.next;
  while (link != &head_ && count-- > 0) link = link->next;
  return link != &head_;
}

}  // namespace vow::loop_internal
