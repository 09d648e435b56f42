#include "loop/event_loop.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/job.h"
#include "loop/timer.h"
#include "test/support/log.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

constexpr std::int64_t kMaxNanoseconds = std::numeric_limits<std::int64_t>::max();

using CallSoonTest = LoopTest;

// asyncio 1
TEST_F(CallSoonTest, RunsInTheOrderOfCalling) {
  for (const char* word : {"a", "b", "c"}) loop.call_soon(log.note(word));
  run();
  EXPECT_EQ(log.str(), "a b c");
}

TEST_F(CallSoonTest, RunsOnce) {
  loop.call_soon(log.note("a"));
  run();
  run();
  EXPECT_EQ(log.str(), "a");
}

// asyncio 3
TEST_F(CallSoonTest, ReturnsBeforeTheCallback) {
  loop.call_soon(log.note("inner"));
  log.add("outer");
  run();
  EXPECT_EQ(log.str(), "outer inner");
}

TEST_F(CallSoonTest, ReturnsBeforeTheCallbackInARunningLoopToo) {
  loop.call_soon([&] {
    loop.call_soon(log.note("inner"));
    log.add("outer");
  });
  run();
  EXPECT_EQ(log.str(), "outer inner");
}

// asyncio 2
TEST_F(CallSoonTest, WaitsForTheNextTurnWhenCalledInOne) {
  loop.call_soon([&] {
    log.add("a");
    loop.call_soon(log.note("c"));
  });
  loop.call_soon(log.note("b"));
  poll();
  log.add("|");
  poll();
  EXPECT_EQ(log.str(), "a b | c");
}

using CallLaterTest = LoopTest;

TEST_F(CallLaterTest, RunsWhenTheDelayHasPassedExactly) {
  const absl::Time start = loop.now();
  loop.call_later(absl::Seconds(3) + absl::Nanoseconds(7),
                  [&] { EXPECT_EQ(loop.now() - start, absl::Seconds(3) + absl::Nanoseconds(7)); });
  run();
  EXPECT_EQ(loop.now() - start, absl::Seconds(3) + absl::Nanoseconds(7));
}

TEST_F(CallLaterTest, RunsInTheOrderOfDeadlines) {
  loop.call_later(absl::Hours(1), log.note("c"));
  loop.call_later(absl::Nanoseconds(1), log.note("a"));
  loop.call_later(absl::Hours(30000), log.note("d"));
  loop.call_later(absl::Milliseconds(1), log.note("b"));
  run();
  EXPECT_EQ(log.str(), "a b c d");
}

// asyncio 11
TEST_F(CallLaterTest, RunsEqualDeadlinesInTheOrderOfSetting) {
  for (const char* word : {"c", "a", "d", "b"}) loop.call_later(absl::Seconds(1), log.note(word));
  run();
  EXPECT_EQ(log.str(), "c a d b");
}

TEST_F(CallLaterTest, RunsEqualDeadlinesInTheOrderOfSettingAcrossTurns) {
  loop.call_later(absl::Seconds(10), log.note("a"));
  loop.call_later(absl::Seconds(9), [&] { loop.call_later(absl::Seconds(1), log.note("b")); });
  loop.call_later(absl::Nanoseconds(9'999'999'999), [&] { loop.call_later(absl::Nanoseconds(1), log.note("c")); });
  run();
  EXPECT_EQ(log.str(), "a b c");
}

TEST_F(CallLaterTest, RunsAnEarlierOneThatWasSetLongBeforeALaterOne) {
  const absl::Time start = loop.now();
  loop.call_later(absl::Nanoseconds(4196), log.note("early"));
  loop.call_at(start + absl::Nanoseconds(4146),
               [&] { loop.call_soon([&] { loop.call_at(start + absl::Nanoseconds(4200), log.note("late")); }); });
  run();
  EXPECT_EQ(log.str(), "early late");
}

// asyncio 10
TEST_F(CallLaterTest, RunsNegativeDelaysInTheNextTurnTheLongestPastFirst) {
  const absl::Time start = loop.now();
  loop.call_later(-absl::Seconds(1), log.note("c"));
  loop.call_later(-absl::InfiniteDuration(), log.note("a"));
  loop.call_later(-absl::Hours(1), log.note("b"));
  loop.call_later(absl::ZeroDuration(), log.note("d"));
  poll();
  EXPECT_EQ(log.str(), "a b c d");
  EXPECT_EQ(loop.now(), start);
}

TEST_F(CallLaterTest, RunsANegativeDelayBeforeALaterDeadlineThatWasSetFirst) {
  loop.call_later(absl::Seconds(1), [&] {
    loop.call_later(absl::ZeroDuration(), log.note("b"));
    loop.call_later(-absl::Nanoseconds(1), log.note("a"));
    loop.call_later(absl::Nanoseconds(1), log.note("c"));
  });
  run();
  EXPECT_EQ(log.str(), "a b c");
}

// asyncio 14
TEST_F(CallLaterTest, DoesNotRunAZeroDelayInTheTurnThatSetIt) {
  for (absl::Duration delay : {absl::ZeroDuration(), -absl::Seconds(1)}) {
    loop.call_later(absl::ZeroDuration(), [this, delay] {
      loop.call_later(delay, log.note("inner"));
      log.add("outer");
    });
  }
  poll();
  log.add("|");
  poll();
  EXPECT_EQ(log.str(), "outer outer | inner inner");
}

TEST_F(CallLaterTest, NeverRunsAfterAnInfiniteDelay) {
  loop.call_later(absl::InfiniteDuration(), log.note("never"));
  loop.call_later(absl::Hours(1'000'000), log.note("late"));
  run();
  EXPECT_EQ(log.str(), "late");
}

TEST_F(CallLaterTest, NeverRunsWhenTheDeadlineIsBeyondTheClock) {
  loop.call_later(absl::Hours(1),
                  [&] { loop.call_later(absl::Nanoseconds(kMaxNanoseconds - 1), log.note("wrapped")); });
  run();
  EXPECT_EQ(loop.now(), absl::UnixEpoch() + absl::Hours(1));
  EXPECT_EQ(log.str(), "");
}

TEST_F(CallLaterTest, RunsAtTheLastTimeThatTheClockCanShow) {
  loop.call_later(absl::Nanoseconds(kMaxNanoseconds - 1), log.note("last"));
  run();
  EXPECT_EQ(log.str(), "last");
  EXPECT_EQ(loop.now(), absl::UnixEpoch() + absl::Nanoseconds(kMaxNanoseconds - 1));
}

TEST_F(CallLaterTest, RoundsTheFractionOfANanosecondUp) {
  const absl::Time start = loop.now();
  loop.call_later(absl::Nanoseconds(1) / 4, [&] { EXPECT_EQ(loop.now() - start, absl::Nanoseconds(1)); });
  loop.call_later(absl::Nanoseconds(5) / 2, [&] { EXPECT_EQ(loop.now() - start, absl::Nanoseconds(3)); });
  run();
  EXPECT_EQ(loop.now() - start, absl::Nanoseconds(3));
}

TEST_F(CallLaterTest, CountsFromWhenTheCallbackBegan) {
  loop.call_later(absl::Seconds(1), [&] { loop.call_later(absl::Seconds(1), log.note("2")); });
  loop.call_later(absl::Milliseconds(1999), log.note("1.999"));
  loop.call_later(absl::Milliseconds(2001), log.note("2.001"));
  run();
  EXPECT_EQ(log.str(), "1.999 2 2.001");
}

using CallAtTest = LoopTest;

TEST_F(CallAtTest, RunsAtThatTimeExactly) {
  const absl::Time time = loop.now() + absl::Minutes(5) + absl::Nanoseconds(1);
  loop.call_at(time, [&] { EXPECT_EQ(loop.now(), time); });
  run();
  EXPECT_EQ(loop.now(), time);
}

TEST_F(CallAtTest, KeepsOneOrderWithCallLater) {
  loop.call_at(loop.now() + absl::Seconds(2), log.note("b"));
  loop.call_later(absl::Seconds(2), log.note("c"));
  loop.call_at(loop.now() + absl::Seconds(1), log.note("a"));
  run();
  EXPECT_EQ(log.str(), "a b c");
}

TEST_F(CallAtTest, RunsThePastInTheNextTurnTheLongestPastFirst) {
  loop.call_at(absl::UnixEpoch() - absl::Nanoseconds(1), log.note("d"));
  loop.call_at(absl::UnixEpoch() - absl::Seconds(1), log.note("c"));
  loop.call_at(absl::FromCivil(absl::CivilSecond(1900), absl::UTCTimeZone()), log.note("b"));
  loop.call_at(absl::InfinitePast(), log.note("a"));
  poll();
  EXPECT_EQ(log.str(), "a b c d");
  EXPECT_EQ(loop.now(), absl::UnixEpoch());
}

TEST_F(CallAtTest, NeverRunsInTheInfiniteFutureOrBeyondTheClock) {
  loop.call_at(absl::InfiniteFuture(), log.note("never"));
  loop.call_at(absl::FromCivil(absl::CivilSecond(100'000), absl::UTCTimeZone()), log.note("too late"));
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(CallAtTest, RoundsTheFractionOfANanosecondUp) {
  const absl::Time start = loop.now();
  loop.call_at(start + absl::Nanoseconds(1) / 2, log.note("a"));
  run();
  EXPECT_EQ(loop.now() - start, absl::Nanoseconds(1));
}

using QueueMicrotaskTest = LoopTest;

TEST_F(QueueMicrotaskTest, RunsInTheOrderOfQueueing) {
  for (const char* word : {"a", "b", "c"}) loop.queue_microtask(log.note(word));
  run();
  EXPECT_EQ(log.str(), "a b c");
}

TEST_F(QueueMicrotaskTest, RunsWhatIsQueuedByAMicrotaskBeforeAnythingElse) {
  loop.call_soon(log.note("soon"));
  loop.queue_microtask([&] {
    log.add("a");
    loop.queue_microtask([&] {
      log.add("c");
      loop.queue_microtask(log.note("d"));
    });
  });
  loop.queue_microtask(log.note("b"));
  run();
  EXPECT_EQ(log.str(), "a b c d soon");
}

TEST_F(QueueMicrotaskTest, RunsAfterEachCallSoon) {
  for (const char* word : {"1", "2"}) {
    loop.call_soon([this, word] {
      loop.queue_microtask(log.note("micro"));
      log.add(word);
    });
  }
  run();
  EXPECT_EQ(log.str(), "1 micro 2 micro");
}

TEST_F(QueueMicrotaskTest, RunsAfterEachTimerOfOneInstant) {
  for (const char* word : {"1", "2"}) {
    loop.call_later(absl::Seconds(1), [this, word] {
      loop.queue_microtask(log.note("micro"));
      log.add(word);
    });
  }
  run();
  EXPECT_EQ(log.str(), "1 micro 2 micro");
}

TEST_F(QueueMicrotaskTest, RunsAfterEachPost) {
  for (const char* word : {"1", "2"}) {
    loop.post([this, word] {
      loop.queue_microtask(log.note("micro"));
      log.add(word);
    });
  }
  run();
  EXPECT_EQ(log.str(), "1 micro 2 micro");
}

using TurnTest = LoopTest;

TEST_F(TurnTest, TakesMicrotasksThenTimersThenPostsThenCallSoons) {
  loop.call_soon(log.note("soon"));
  loop.post(log.note("post"));
  loop.call_later(absl::ZeroDuration(), log.note("timer"));
  loop.queue_microtask(log.note("micro"));
  poll();
  EXPECT_EQ(log.str(), "micro timer post soon");
}

TEST_F(TurnTest, LeavesCallSoonsThatAreMadeInItToTheNextTurn) {
  loop.queue_microtask([&] { loop.call_soon(log.note("by-micro")); });
  loop.call_later(absl::ZeroDuration(), [&] { loop.call_soon(log.note("by-timer")); });
  loop.post([&] { loop.call_soon(log.note("by-post")); });
  loop.call_soon([&] { loop.call_soon(log.note("by-soon")); });
  loop.call_soon(log.note("soon"));
  poll();
  log.add("|");
  poll();
  EXPECT_EQ(log.str(), "soon | by-micro by-timer by-post by-soon");
}

TEST_F(TurnTest, DoesNotWaitWhenAMicrotaskHasCalledSoon) {
  loop.call_later(absl::Hours(1), log.note("timer"));
  loop.queue_microtask([&] { loop.call_soon(log.note("soon")); });
  run();
  EXPECT_EQ(log.str(), "soon timer");
}

TEST_F(TurnTest, LetsNobodyStarveBesideACallbackThatAlwaysCallsItself) {
  std::function<void()> again = [&] { loop.call_soon(again); };
  again();
  loop.call_soon([&] { loop.call_later(absl::ZeroDuration(), [&] { loop.post([&] { loop.stop(); }); }); });
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
}

TEST_F(TurnTest, LetsNobodyStarveBesideAZeroTimerThatSetsItselfAgain) {
  std::function<void()> again = [&] { loop.call_later(absl::ZeroDuration(), again); };
  again();
  loop.call_soon([&] { loop.call_soon([&] { loop.stop(); }); });
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
}

TEST_F(TurnTest, RunsAllThatFellDueTogetherAsTheClockJumps) {
  int count = 0;
  for (int i = 0; i < 10'000; ++i) loop.call_later(absl::Seconds(1), [&] { ++count; });
  loop.call_later(absl::Seconds(1), [&] { EXPECT_EQ(count, 10'000); });
  loop.call_later(absl::Seconds(1) + absl::Nanoseconds(1), log.note("after"));
  run();
  EXPECT_EQ(log.str(), "after");
}

// A job and a timer that bring their own memory.
class OwnJob final : public Job {
 public:
  explicit OwnJob(Log& log) : log_(log) {}
  void run() noexcept override { log_.add("run"); }
  void drop() noexcept override { log_.add("drop"); }

 private:
  Log& log_;
};

class OwnTimer final : public Timer {
 public:
  explicit OwnTimer(Log& log) : log_(log) {}
  void run() noexcept override { log_.add("run"); }
  void drop() noexcept override { log_.add("drop"); }

 private:
  Log& log_;
};

class OwnMemoryTest : public LoopTest {
 protected:
  OwnJob job{log};
  OwnTimer timer{log};
};

TEST_F(OwnMemoryTest, TakesItsPlaceAmongTheMicrotasks) {
  loop.queue_microtask(log.note("before"));
  loop.queue_microtask(job);
  loop.queue_microtask(log.note("after"));
  run();
  EXPECT_EQ(log.str(), "before run after");
}

TEST_F(OwnMemoryTest, TakesAWholeQueueOfMicrotasks) {
  OwnJob other{log};
  JobQueue jobs;
  jobs.push(job);
  jobs.push(other);
  loop.queue_microtask(log.note("before"));
  loop.queue_microtasks(std::move(jobs));
  loop.queue_microtask(log.note("after"));
  run();
  EXPECT_EQ(log.str(), "before run run after");
}

TEST_F(OwnMemoryTest, TakesItsPlaceAmongTheTimers) {
  loop.call_later(absl::Seconds(1), log.note("before"));
  loop.arm_after(timer, absl::Seconds(1));
  loop.call_later(absl::Seconds(1), log.note("after"));
  run();
  loop.arm_at(timer, loop.now() + absl::Hours(1));
  run();
  EXPECT_EQ(log.str(), "before run after run");
  EXPECT_EQ(loop.now(), absl::UnixEpoch() + absl::Seconds(1) + absl::Hours(1));
}

TEST_F(OwnMemoryTest, IsLeftAloneWhenDisarmed) {
  loop.arm_after(timer, absl::Seconds(1));
  EventLoop::disarm(timer);
  EventLoop::disarm(timer);
  run();
  loop.close();
  EXPECT_EQ(log.str(), "");
}

TEST_F(OwnMemoryTest, IsDroppedWhenTheLoopCloses) {
  loop.queue_microtask(job);
  loop.arm_after(timer, absl::Seconds(1));
  loop.close();
  EXPECT_EQ(log.str(), "drop drop");
}

// asyncio 39: outside of callbacks too, as long as there is a loop.
TEST(CurrentLoopTest, IsTheThreadsUntilItIsClosed) {
  EXPECT_EQ(EventLoop::current_or_null(), nullptr);
  {
    EventLoop loop;
    EXPECT_EQ(EventLoop::current_or_null(), &loop);
    EXPECT_EQ(&EventLoop::current(), &loop);
    loop.close();
    EXPECT_EQ(EventLoop::current_or_null(), nullptr);
  }
  EventLoop other;
  EXPECT_EQ(EventLoop::current_or_null(), &other);
}

// asyncio 39
TEST(CurrentLoopTest, IsKnownToCallbacksAndToTheirDestructors) {
  class Looks {
   public:
    Looks(Log& log, EventLoop& loop) : log_(log), loop_(loop) {}
    ~Looks() { look(); }
    void look() { log_.add(EventLoop::current_or_null() == &loop_ ? "known" : "unknown"); }

   private:
    Log& log_;
    EventLoop& loop_;
  };
  Log log;
  EventLoop loop;
  loop.call_soon([looks = std::make_unique<Looks>(log, loop)] { looks->look(); });
  EXPECT_EQ(loop.run(), absl::OkStatus());
  loop.call_soon([looks = std::make_unique<Looks>(log, loop)] {});
  loop.close();
  EXPECT_EQ(log.str(), "known known known");
}

TEST(CurrentLoopTest, IsAnotherOnAnotherThread) {
  EventLoop loop;
  std::thread([&] {
    EXPECT_EQ(EventLoop::current_or_null(), nullptr);
    EXPECT_EQ(EventLoop::current_id(), 0);
    EventLoop other;
    EXPECT_EQ(&EventLoop::current(), &other);
  }).join();
  EXPECT_EQ(&EventLoop::current(), &loop);
}

TEST(CurrentLoopTest, HasAnIdOfItsOwnWhileItIsOpen) {
  EXPECT_EQ(EventLoop::current_id(), 0);
  EventLoop loop;
  const std::uint16_t id = EventLoop::current_id();
  EXPECT_NE(id, 0);
  std::thread([id] {
    EventLoop other;
    EXPECT_NE(EventLoop::current_id(), id);
    EXPECT_TRUE(EventLoop::is_open(id));
  }).join();
  loop.close();
  EXPECT_FALSE(EventLoop::is_open(id));
  EXPECT_EQ(EventLoop::current_id(), 0);
}

TEST(CurrentLoopTest, MayBeMadeMoreOftenThanThereAreIds) {
  EventLoop outer;
  const std::uint16_t first = EventLoop::current_id();
  std::thread([first] {
    for (int i = 0; i < 66'000; ++i) {
      EventLoop loop;
      ASSERT_NE(EventLoop::current_id(), 0);
      ASSERT_NE(EventLoop::current_id(), first);
    }
  }).join();
}

TEST(TwoLoopsTest, RunIndependentlyInTwoThreads) {
  const auto program = [](std::string* result) {
    Log log;
    EventLoop loop({.clock = Clock::kVirtual});
    int left = 1000;
    std::function<void()> step = [&] {
      if (--left == 0) return log.add("done");
      loop.queue_microtask([] {});
      loop.call_later(absl::Milliseconds(left % 3), step);
    };
    loop.call_soon(step);
    EXPECT_EQ(loop.run(), absl::OkStatus());
    log.add(static_cast<int>(absl::ToInt64Milliseconds(loop.now() - absl::UnixEpoch())));
    *result = log.str();
  };
  std::string here, there;
  std::thread thread(program, &there);
  program(&here);
  thread.join();
  EXPECT_EQ(here, "done 999");
  EXPECT_EQ(there, here);
}

}  // namespace
}  // namespace vow
