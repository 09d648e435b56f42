#include "loop/timer_queue.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace vow {
namespace {

using loop_internal::TimerQueue;

constexpr std::int64_t kNever = TimerQueue::kNever;
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kLast = kNever - 1;  // The last time at which a timer can be due.

class Named final : public Timer {
 public:
  explicit Named(char name = '?') : name_(name) {}
  char name() const { return name_; }
  void run() noexcept override {}
  void drop() noexcept override {}

 private:
  char name_;
};

class TimerQueueTest : public testing::Test {
 protected:
  std::string due() {
    std::string names;
    while (Job* timer = timers.pop_due()) names += static_cast<Named*>(timer)->name();
    return names;
  }
  std::string due_at(std::int64_t now) {
    timers.advance(now);
    return due();
  }

  Named a{'a'}, b{'b'}, c{'c'}, d{'d'};
  TimerQueue timers;
};

TEST_F(TimerQueueTest, IsIdleAndEmptyAtFirst) {
  EXPECT_TRUE(timers.is_idle());
  EXPECT_EQ(timers.wakeup(), kNever);
  EXPECT_EQ(due_at(kLast), "");
}

TEST_F(TimerQueueTest, HandsOutATimerAtItsDeadlineAndNotBefore) {
  timers.add(a, 1'000'000'007);
  EXPECT_EQ(due_at(1'000'000'006), "");
  EXPECT_EQ(due_at(1'000'000'007), "a");
  EXPECT_EQ(due_at(kLast), "");
}

TEST_F(TimerQueueTest, HandsOutNothingBeforeTimeHasPassed) {
  timers.add(a, 0);
  EXPECT_EQ(due(), "");
}

TEST_F(TimerQueueTest, OrdersByDeadline) {
  timers.add(c, 70'000);
  timers.add(a, 3);
  timers.add(d, 5'000'000'000);
  timers.add(b, 200);
  EXPECT_EQ(due_at(kLast), "abcd");
}

TEST_F(TimerQueueTest, OrdersEqualDeadlinesByAdding) {
  for (Named* timer : {&b, &a, &d, &c}) timers.add(*timer, 4711);
  EXPECT_EQ(due_at(kLast), "badc");
}

TEST_F(TimerQueueTest, OrdersEqualDeadlinesByAddingWhateverTimePassedBetween) {
  timers.add(a, 5000);
  timers.advance(4100);
  timers.add(b, 5000);
  timers.advance(4990);
  timers.add(c, 5000);
  timers.advance(4999);
  timers.add(d, 5000);
  EXPECT_EQ(due_at(5000), "abcd");
}

TEST_F(TimerQueueTest, OrdersOneThatWasAddedEarlyBeforeALaterOneThatWasAddedClose) {
  timers.add(a, 4196);
  timers.advance(4146);
  timers.add(b, 4200);
  EXPECT_EQ(timers.wakeup(), 4196);
  EXPECT_EQ(due_at(4300), "ab");
}

TEST_F(TimerQueueTest, OrdersOverdueOnesTheLongestPastFirst) {
  timers.advance(1000);
  timers.add(c, 1000);
  timers.add(b, 400);
  timers.add(d, 1001);
  timers.add(a, -5);
  EXPECT_EQ(due_at(1001), "abcd");
}

TEST_F(TimerQueueTest, OrdersEquallyOverdueOnesByAdding) {
  timers.advance(1000);
  for (Named* timer : {&c, &a, &d, &b}) timers.add(*timer, 10);
  EXPECT_EQ(due_at(1000), "cadb");
}

TEST_F(TimerQueueTest, HandsOutWhatIsAddedMeanwhileAtTheNextAdvance) {
  timers.add(a, 10);
  timers.add(b, 20);
  timers.advance(30);
  EXPECT_EQ(timers.pop_due(), &a);
  timers.add(c, 5);
  EXPECT_EQ(due(), "b");
  EXPECT_EQ(due_at(30), "c");
}

TEST_F(TimerQueueTest, KeepsWhatWasNotFetchedBeforeWhatFellDueLater) {
  timers.add(a, 10);
  timers.add(b, 20);
  timers.advance(15);
  timers.advance(25);
  EXPECT_EQ(due(), "ab");
}

TEST_F(TimerQueueTest, IgnoresATimeBeforeTheLatest) {
  timers.advance(1000);
  timers.advance(10);
  timers.add(b, 999);
  timers.add(a, 500);
  timers.add(c, 1001);
  EXPECT_EQ(due_at(1000), "ab");
}

TEST_F(TimerQueueTest, TakesAnyDeadlineInItsOrder) {
  const std::int64_t deadlines[] = {kLast, 1, kMin, kNever, 0, -1};
  std::vector<Named> named(6);
  for (int i = 0; i < 6; ++i) timers.add(named[i], deadlines[i]);
  timers.advance(0);
  for (int i : {2, 5, 4}) EXPECT_EQ(timers.pop_due(), &named[i]);
  EXPECT_EQ(timers.pop_due(), nullptr);
  EXPECT_EQ(timers.wakeup(), 1);
  timers.advance(kLast - 1);
  EXPECT_EQ(timers.pop_due(), &named[1]);
  EXPECT_EQ(timers.pop_due(), nullptr);
  timers.advance(kLast);
  EXPECT_EQ(timers.pop_due(), &named[0]);
  EXPECT_EQ(timers.pop_due(), nullptr);
}

TEST_F(TimerQueueTest, NeverHandsOutWhatIsNeverDue) {
  timers.add(a, kNever);
  EXPECT_TRUE(timers.is_idle());
  EXPECT_EQ(timers.wakeup(), kNever);
  EXPECT_EQ(due_at(kLast), "");
}

TEST_F(TimerQueueTest, AddsATimerAgainAfterItWasDue) {
  timers.add(a, 10);
  EXPECT_EQ(due_at(10), "a");
  timers.add(a, 20);
  EXPECT_EQ(due_at(19), "");
  EXPECT_EQ(due_at(20), "a");
}

using TimerQueueRemoveTest = TimerQueueTest;

TEST_F(TimerQueueRemoveTest, TakesOutWhatIsNotDueYet) {
  timers.add(a, 100'000);
  timers.add(b, 100'000);
  timers.add(c, 100'000);
  timers.remove(b);
  EXPECT_EQ(due_at(kLast), "ac");
}

TEST_F(TimerQueueRemoveTest, TakesOutWhatIsDueButNotHandedOut) {
  for (Named* timer : {&a, &b, &c}) timers.add(*timer, 10);
  timers.advance(10);
  EXPECT_EQ(timers.pop_due(), &a);
  timers.remove(b);
  EXPECT_EQ(due(), "c");
}

TEST_F(TimerQueueRemoveTest, TakesOutWhatWasAddedOverdue) {
  timers.advance(1000);
  timers.add(a, 1);
  timers.add(b, 2);
  timers.remove(a);
  EXPECT_EQ(due_at(1000), "b");
}

TEST_F(TimerQueueRemoveTest, TakesOutWhatIsNeverDue) {
  timers.add(a, kNever);
  timers.remove(a);
  EXPECT_EQ(timers.pop_any(), nullptr);
}

TEST_F(TimerQueueRemoveTest, DoesNothingToATimerThatIsNowhere) {
  timers.remove(a);
  timers.add(a, 10);
  timers.remove(a);
  timers.remove(a);
  timers.add(b, 10);
  EXPECT_EQ(timers.pop_due(), nullptr);
  EXPECT_EQ(due_at(10), "b");
  timers.remove(b);
  EXPECT_EQ(timers.pop_any(), nullptr);
}

TEST_F(TimerQueueRemoveTest, MayBeFollowedByAddingForAnotherTime) {
  timers.add(a, 10);
  timers.add(b, 20);
  timers.remove(a);
  timers.add(a, 30);
  EXPECT_EQ(due_at(29), "b");
  EXPECT_EQ(due_at(30), "a");
}

TEST_F(TimerQueueRemoveTest, LeavesNothingToWakeUpFor) {
  timers.add(a, 10);
  timers.add(b, 5'000'000);
  timers.remove(b);
  timers.remove(a);
  EXPECT_EQ(timers.wakeup(), kNever);
  timers.advance(0);
  EXPECT_TRUE(timers.is_idle());
}

// asyncio 17
TEST_F(TimerQueueRemoveTest, LeavesTheFarOneWhenAllOthersAreGone) {
  std::vector<Named> near(10'000);
  for (std::size_t i = 0; i < near.size(); ++i) timers.add(near[i], static_cast<std::int64_t>(1 + i * 997));
  timers.add(a, 1'000'000'000'000);
  for (Named& timer : near) timers.remove(timer);
  EXPECT_EQ(timers.wakeup(), 1'000'000'000'000);
  EXPECT_EQ(due_at(1'000'000'000'000), "a");
}

using TimerQueueWakeupTest = TimerQueueTest;

TEST_F(TimerQueueWakeupTest, IsAtTheFirstDeadlineOfAFew) {
  timers.add(b, 1'000'000'009);
  timers.add(a, 1'000'000'007);
  timers.add(c, 2'000'000'000'000);
  EXPECT_EQ(timers.wakeup(), 1'000'000'007);
  EXPECT_FALSE(timers.is_idle());
}

TEST_F(TimerQueueWakeupTest, IsAtTheNextDeadlineWhenTheFirstIsRemoved) {
  timers.add(a, 100);
  timers.add(b, 1'000'000'007);
  timers.remove(a);
  EXPECT_EQ(timers.wakeup(), 1'000'000'007);
}

TEST_F(TimerQueueWakeupTest, IsAtOnceForAnOverdueOne) {
  timers.advance(1000);
  timers.add(a, 10);
  timers.add(b, 2000);
  EXPECT_LE(timers.wakeup(), 1000);
}

TEST_F(TimerQueueWakeupTest, IsAtOnceWhileSomethingDueIsNotFetched) {
  timers.add(a, 10);
  timers.add(b, 10);
  timers.advance(10);
  timers.pop_due();
  EXPECT_LE(timers.wakeup(), 10);
  timers.pop_due();
  EXPECT_EQ(timers.wakeup(), kNever);
}

TEST_F(TimerQueueWakeupTest, ReachesTheFirstDeadlineOfManyInAFewSteps) {
  constexpr std::int64_t kFirst = 3'600'000'000'000;
  std::vector<Named> many(10'000);
  for (std::size_t i = 0; i < many.size(); ++i) timers.add(many[i], kFirst + static_cast<std::int64_t>(i / 2));
  std::int64_t now = 0;
  int steps = 0;
  for (; now < kFirst; ++steps) {
    ASSERT_GT(timers.wakeup(), now) << "a wakeup that brings nothing nearer is repeated without end";
    now = timers.wakeup();
    ASSERT_LE(now, kFirst);
    timers.advance(now);
  }
  EXPECT_LE(steps, 11);
  EXPECT_EQ(timers.pop_due(), &many[0]);
  EXPECT_EQ(timers.pop_due(), &many[1]);
  EXPECT_EQ(timers.pop_due(), nullptr);
}

TEST_F(TimerQueueTest, OrdersManyWithinOneSecondOfAFarDay) {
  constexpr std::int64_t kDay = 86'400'000'000'000;
  std::mt19937_64 random(1);
  std::vector<Named> many(20'000);
  std::vector<std::pair<std::int64_t, Named*>> expected;
  for (Named& timer : many) {
    expected.emplace_back(kDay + static_cast<std::int64_t>(random() % 1'000'000'000), &timer);
    timers.add(timer, expected.back().first);
  }
  std::stable_sort(expected.begin(), expected.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
  timers.advance(2 * kDay);
  for (const auto& [deadline, timer] : expected) ASSERT_EQ(timers.pop_due(), timer);
  EXPECT_EQ(timers.pop_due(), nullptr);
}

TEST_F(TimerQueueTest, GivesEachOnceForClosing) {
  std::vector<Named> many(1000);
  timers.advance(1000);
  for (std::size_t i = 0; i < many.size(); ++i) {
    const std::int64_t deadlines[] = {-1, 1000, 1001, 5'000'000'000, kLast, kNever};
    timers.add(many[i], deadlines[i % 6]);
  }
  timers.advance(1001);
  std::set<Job*> given;
  while (Job* timer = timers.pop_any()) EXPECT_TRUE(given.insert(timer).second);
  EXPECT_EQ(given.size(), many.size());
  EXPECT_EQ(timers.pop_due(), nullptr);
}

// What the queue is to do, in the simplest words.
class Model {
 public:
  struct Entry {
    std::int64_t deadline;
    std::int64_t sequence;
    Timer* timer;
    auto operator<=>(const Entry&) const = default;
  };

  std::int64_t now() const { return now_; }
  const std::set<Entry>& waiting() const { return waiting_; }
  const std::deque<Timer*>& due() const { return due_; }

  Entry add(Timer& timer, std::int64_t deadline) {
    Entry entry{deadline, ++sequence_, &timer};
    waiting_.insert(entry);
    return entry;
  }
  void remove(const Entry& entry) {
    waiting_.erase(entry);
    std::erase(due_, entry.timer);
  }
  void advance(std::int64_t now) {
    now_ = std::max(now_, now);
    while (!waiting_.empty() && waiting_.begin()->deadline <= now_) {
      due_.push_back(waiting_.begin()->timer);
      waiting_.erase(waiting_.begin());
    }
  }
  Timer* pop_due() {
    if (due_.empty()) return nullptr;
    Timer* timer = due_.front();
    due_.pop_front();
    return timer;
  }

 private:
  std::int64_t now_ = 0;
  std::int64_t sequence_ = 0;
  std::set<Entry> waiting_;
  std::deque<Timer*> due_;
};

struct RandomCase {
  std::uint64_t seed;
  int bits;  // Delays are below 2^bits nanoseconds: 10 is a microsecond, 62 is 146 years.
  int timers;
};

void PrintTo(const RandomCase& c, std::ostream* out) {
  *out << "seed " << c.seed << ", " << c.bits << " bits, " << c.timers << " timers";
}

class TimerQueueRandomTest : public testing::TestWithParam<RandomCase> {
 protected:
  std::int64_t below(std::int64_t end) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(end));
  }

  // Of every magnitude equally often.
  std::int64_t some_delay() {
    return static_cast<std::int64_t>(random_() >> 1 >> (63 - 1 - below(GetParam().bits)) >> below(2));
  }
  static std::int64_t saturating(std::int64_t time, std::int64_t delay) {
    return time > kLast - delay ? kLast : time + delay;
  }

  std::int64_t some_deadline() {
    const std::int64_t now = model_.now();
    switch (below(10)) {
      case 0:
        return now - some_delay();
      case 1:
        return below(20) == 0 ? kMin : below(20) == 0 ? kNever : now;
      case 2:
      case 3:  // One that others have.
        return model_.waiting().empty() ? now : some_waiting().deadline;
      case 4: {  // At the seams of the wheel.
        const std::int64_t unit = std::int64_t{1} << (6 * below(GetParam().bits / 6 + 1));
        return saturating(now / unit * unit, unit * (1 + below(2)) - below(2));
      }
      default:
        return saturating(now, some_delay());
    }
  }

  std::int64_t some_time() {
    const std::int64_t now = model_.now();
    switch (below(6)) {
      case 0:
        return now - below(2) * some_delay();
      case 1:
        return timers_.wakeup() == kNever ? now : timers_.wakeup();
      case 2:
      case 3: {
        if (model_.waiting().empty()) return now;
        const std::int64_t deadline = some_waiting().deadline;
        return deadline > kMin && deadline < kLast ? deadline - 1 + below(3) : now;
      }
      default:  // Short steps mostly, or the range of numbers is soon used up.
        return saturating(now, some_delay() >> below(GetParam().bits));
    }
  }

  const Model::Entry& some_waiting() {
    auto entry = model_.waiting().lower_bound({saturating(model_.now(), some_delay()), 0, nullptr});
    return entry == model_.waiting().end() ? *model_.waiting().begin() : *entry;
  }

  std::mt19937_64 random_{GetParam().seed};
  Model model_;
  TimerQueue timers_;
};

TEST_P(TimerQueueRandomTest, BehavesLikeTheModel) {
  std::vector<Named> named(GetParam().timers);
  std::vector<Model::Entry> entries(named.size());
  std::vector<bool> queued(named.size());
  const auto index_of = [&](Job* timer) { return timer == nullptr ? -1 : static_cast<Named*>(timer) - named.data(); };
  const auto pop = [&] {
    const auto index = index_of(timers_.pop_due());
    EXPECT_EQ(index, index_of(model_.pop_due()));
    if (index >= 0) queued[index] = false;
    return index >= 0;
  };

  for (int step = 0; step < 6'000 && !HasFailure(); ++step) {
    SCOPED_TRACE(step);
    const std::size_t i = below(static_cast<std::int64_t>(named.size()));
    switch (below(8)) {
      case 0:
        timers_.remove(named[i]);
        if (queued[i]) model_.remove(entries[i]);
        queued[i] = false;
        break;
      case 1: {
        const std::int64_t now = some_time();
        timers_.advance(now);
        model_.advance(now);
        break;
      }
      case 2:
        for (std::int64_t left = below(4); left > 0 && pop(); --left) continue;
        break;
      case 3:
        while (pop()) continue;
        break;
      default:
        if (queued[i]) break;
        const std::int64_t deadline = some_deadline();
        timers_.add(named[i], deadline);
        entries[i] = model_.add(named[i], deadline);
        queued[i] = true;
    }

    const std::int64_t wakeup = timers_.wakeup();
    const std::int64_t first = model_.waiting().empty() ? kNever : model_.waiting().begin()->deadline;
    if (!model_.due().empty() || first <= model_.now()) {
      EXPECT_LE(wakeup, model_.now());
    } else {
      EXPECT_GT(wakeup, model_.now());
      EXPECT_LE(wakeup, first);
      EXPECT_EQ(wakeup == kNever, first == kNever);
    }
    EXPECT_TRUE(!timers_.is_idle() || first == kNever);
  }

  timers_.advance(kLast);
  model_.advance(kLast);
  while (pop()) continue;
  EXPECT_TRUE(timers_.is_idle());
}

std::vector<RandomCase> random_cases() {
  std::vector<RandomCase> cases;
  for (std::uint64_t seed : {1, 2, 3}) {
    for (int bits : {4, 10, 14, 20, 32, 45, 62}) {
      for (int timers : {4, 60, 1500}) cases.push_back({seed, bits, timers});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Seeds, TimerQueueRandomTest, testing::ValuesIn(random_cases()));

}  // namespace
}  // namespace vow
