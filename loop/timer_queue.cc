#include "loop/timer_queue.h"

#include <algorithm>
#include <bit>
#include <new>

namespace vow::loop_internal {

inline void TimerQueue::List::push_back(Timer& timer) {
  TimerLink& link = timer;
  link.next = &head_;
  link.previous = head_.previous;
  head_.previous->next = &link;
  head_.previous = &link;
}

// For a deadline after now_.
inline void TimerQueue::place(Timer& timer) {
  const auto difference = static_cast<std::uint64_t>(timer.deadline ^ now_);
  const unsigned highest_bit = 63 ^ static_cast<unsigned>(__builtin_clzll(difference));
  const unsigned level = highest_bit / kDigitBits;
  const unsigned slot = static_cast<unsigned>(timer.deadline >> (level * kDigitBits)) % kSlots;
  occupied_[level] |= std::uint64_t{1} << slot;
  wheel_[level][slot].push_back(timer);
}

void TimerQueue::add(Timer& timer, std::int64_t deadline) {
  timer.deadline = deadline;
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
    while (Timer* timer = entered.pop_front()) {
      if (timer->deadline <= now) {
        due.push_back(*timer);
      } else {
        place(*timer);
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
  std::size_t count = 0;
  for (const TimerLink* link = timers.first(); link != timers.end(); link = link->next) ++count;
  if (count > room_to_sort_) {
    to_sort_.reset(new (std::nothrow) Sortable[2 * count]);
    room_to_sort_ = to_sort_ == nullptr ? 0 : 2 * count;
    if (to_sort_ == nullptr) return merge_sort(timers, count);
  }
  Sortable* end = to_sort_.get();
  while (Timer* timer = timers.pop_front()) {
    *end = {timer->deadline, static_cast<std::size_t>(end - to_sort_.get()), timer};
    ++end;
  }
  std::sort(to_sort_.get(), end, [](const Sortable& a, const Sortable& b) {
    return a.deadline != b.deadline ? a.deadline < b.deadline : a.position < b.position;
  });
  for (const Sortable* sorted = to_sort_.get(); sorted != end; ++sorted) timers.push_back(*sorted->timer);
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
    List& earlier = timers.first()->deadline < front.first()->deadline ? timers : front;
    merged.push_back(*earlier.pop_front());
  }
  merged.append(front);
  merged.append(timers);
  timers.append(merged);
}

Timer* TimerQueue::pop_any() {
  for (List* list : {&due_, &overdue_, &never_}) {
    if (Timer* timer = list->pop_front()) return timer;
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

Timer* TimerQueue::List::pop_front() {
  if (empty()) return nullptr;
  auto* timer = static_cast<Timer*>(head_.next);
  remove(*timer);
  return timer;
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

std::int64_t TimerQueue::List::earliest() const {
  std::int64_t earliest = kNever;
  for (const TimerLink* link = head_.next; link != &head_; link = link->next) {
    earliest = std::min(earliest, link->deadline);
  }
  return earliest;
}

bool TimerQueue::List::is_sorted() const {
  std::int64_t latest = std::numeric_limits<std::int64_t>::min();
  for (const TimerLink* link = head_.next; link != &head_; link = link->next) {
    const std::int64_t deadline = link->deadline;
    if (deadline < latest) return false;
    latest = deadline;
  }
  return true;
}

bool TimerQueue::List::has_more_than(int count) const {
  const TimerLink* link = head_.next;
  while (link != &head_ && count-- > 0) link = link->next;
  return link != &head_;
}

}  // namespace vow::loop_internal
