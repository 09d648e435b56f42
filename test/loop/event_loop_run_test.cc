// How a loop is run, stopped, polled and closed; event_loop_test.cc is about what it runs, and when.

#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "test/support/log.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

// A callback that does nothing when it runs, and calls f when it is destroyed.
auto at_end(std::function<void()> f) {
  return [alive = std::shared_ptr<void>(nullptr, [f = std::move(f)](void*) { f(); })] {};
}

using RunTest = LoopTest;

TEST_F(RunTest, ReturnsWhenNothingCanWakeTheLoop) {
  EXPECT_EQ(loop.run(), absl::OkStatus());
  loop.call_later(absl::InfiniteDuration(), log.note("never"));
  loop.call_later(absl::Seconds(1), log.note("cancelled")).cancel();
  loop.call_soon(log.note("cancelled")).cancel();
  EXPECT_EQ(loop.run(), absl::OkStatus());
  EXPECT_EQ(log.str(), "");
}

TEST_F(RunTest, GoesOnAsLongAsCallbacksMakeMore) {
  loop.queue_microtask([&] {
    loop.call_soon(
        [&] { loop.post([&] { loop.call_later(absl::Hours(1), [&] { loop.queue_microtask(log.note("end")); }); }); });
  });
  run();
  EXPECT_EQ(log.str(), "end");
}

TEST_F(RunTest, DrainsTheMicrotasksBeforeItReturns) {
  loop.call_soon([&] {
    loop.stop();
    loop.queue_microtask([&] { loop.queue_microtask(log.note("micro")); });
  });
  run();
  EXPECT_EQ(log.str(), "micro");
}

TEST_F(RunTest, MayBeCalledAgain) {
  for (const char* word : {"a", "b"}) {
    loop.call_later(absl::Seconds(1), log.note(word));
    run();
  }
  EXPECT_EQ(log.str(), "a b");
}

// asyncio 25
TEST_F(RunTest, IsRefusedInsideACallbackAndTheOuterRunGoesOn) {
  const auto expect_refusal = [&] {
    EXPECT_EQ(loop.run().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(loop.run_forever().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(loop.poll().code(), absl::StatusCode::kFailedPrecondition);
    log.add("refused");
  };
  loop.queue_microtask(expect_refusal);
  loop.call_soon(expect_refusal);
  loop.post(expect_refusal);
  loop.call_later(absl::Seconds(1), expect_refusal);
  loop.call_later(absl::Seconds(2), log.note("end"));
  run();
  EXPECT_EQ(log.str(), "refused refused refused refused end");
}

TEST_F(RunTest, IsRefusedInsideAPoll) {
  loop.call_soon([&] { EXPECT_EQ(loop.run().code(), absl::StatusCode::kFailedPrecondition); });
  poll();
}

TEST_F(RunTest, IsSeenFromInside) {
  EXPECT_FALSE(loop.is_running());
  loop.call_soon([&] { log.add(loop.is_running() ? "running" : "idle"); });
  run();
  EXPECT_FALSE(loop.is_running());
  EXPECT_EQ(log.str(), "running");
}

using IsStalledTest = LoopTest;

TEST_F(IsStalledTest, IsTrueWhenNothingCanWakeTheLoop) {
  EXPECT_TRUE(loop.is_stalled());
  loop.call_later(absl::InfiniteDuration(), [] {});
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(IsStalledTest, IsFalseWhileSomethingWaits) {
  Handle timer = loop.call_later(absl::Hours(1), [] {});
  EXPECT_FALSE(loop.is_stalled());
  timer.cancel();
  EXPECT_TRUE(loop.is_stalled());
  loop.call_soon([] {});
  EXPECT_FALSE(loop.is_stalled());
  run();
  loop.queue_microtask([] {});
  EXPECT_FALSE(loop.is_stalled());
  run();
  loop.post([] {});
  EXPECT_FALSE(loop.is_stalled());
  run();
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(IsStalledTest, IsFalseWhileThereIsAPoster) {
  {
    Poster poster = loop.poster();
    EXPECT_FALSE(loop.is_stalled());
  }
  EXPECT_TRUE(loop.is_stalled());
}

using StopTest = LoopTest;

TEST_F(StopTest, EndsRunForever) {
  loop.call_later(absl::Seconds(1), [&] { loop.stop(); });
  loop.call_later(absl::Seconds(2), log.note("later"));
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
  EXPECT_EQ(loop.now(), absl::UnixEpoch() + absl::Seconds(1));
  EXPECT_EQ(log.str(), "");
}

TEST_F(StopTest, LetsTheTurnGoToItsEnd) {
  loop.call_later(absl::ZeroDuration(), [&] { loop.stop(); });
  loop.call_later(absl::ZeroDuration(), log.note("timer"));
  loop.post(log.note("post"));
  loop.call_soon(log.note("soon"));
  run();
  EXPECT_EQ(log.str(), "timer post soon");
}

// asyncio 28
TEST_F(StopTest, LeavesWhatIsQueuedMeanwhileToTheNextRun) {
  loop.call_soon([&] {
    loop.stop();
    loop.call_soon(log.note("soon"));
    loop.call_later(absl::ZeroDuration(), log.note("timer"));
    loop.post(log.note("post"));
  });
  run();
  log.add("|");
  run();
  EXPECT_EQ(log.str(), "| timer post soon");
}

// asyncio 27
TEST_F(StopTest, BeforeARunMakesItOneTurnThatDoesNotWait) {
  loop.stop();
  loop.call_soon([&] {
    log.add("first");
    loop.call_soon(log.note("second"));
  });
  loop.call_later(absl::Hours(1), log.note("later"));
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
  EXPECT_EQ(loop.now(), absl::UnixEpoch());
  EXPECT_EQ(log.str(), "first");
}

// asyncio 31
TEST_F(StopTest, EndsOneRunOnly) {
  loop.stop();
  loop.stop();
  run();
  loop.call_soon([&] { loop.stop(); });
  run();
  loop.call_later(absl::Seconds(1), log.note("a"));
  loop.call_later(absl::Seconds(2), log.note("b"));
  run();
  EXPECT_EQ(log.str(), "a b");
}

TEST_F(StopTest, ByTheFirstMicrotaskEndsTheRunWithoutWaiting) {
  loop.queue_microtask([&] { loop.stop(); });
  loop.call_later(absl::Hours(1), log.note("later"));
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
  EXPECT_EQ(loop.now(), absl::UnixEpoch());
  EXPECT_EQ(log.str(), "");
}

TEST_F(StopTest, ByADestructorEndsTheRun) {
  loop.call_soon(at_end([&] { loop.stop(); }));
  loop.call_later(absl::Hours(1), log.note("later"));
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
  EXPECT_EQ(log.str(), "");
}

TEST_F(StopTest, InsideAPollDoesNotReachTheNextRun) {
  loop.call_soon([&] { loop.stop(); });
  poll();
  loop.call_later(absl::Seconds(1), log.note("a"));
  run();
  EXPECT_EQ(log.str(), "a");
}

using PollTest = LoopTest;

// KJ 33
TEST_F(PollTest, RunsOneTurnOfWhatIsReadyWithItsMicrotasks) {
  loop.call_soon([&] {
    loop.queue_microtask(log.note("micro"));
    loop.call_soon(log.note("next"));
    log.add("soon");
  });
  loop.call_later(absl::ZeroDuration(), log.note("timer"));
  poll();
  EXPECT_EQ(log.str(), "timer soon micro");
}

// KJ 33
TEST_F(PollTest, DoesNotWait) {
  loop.call_later(absl::Nanoseconds(1), log.note("later"));
  poll();
  EXPECT_EQ(log.str(), "");
  EXPECT_EQ(loop.now(), absl::UnixEpoch());
}

TEST_F(PollTest, DoesNotWaitForPostersEither) {
  Poster poster = loop.poster();
  poll();
  poster.post(log.note("post"));
  poll();
  EXPECT_EQ(log.str(), "post");
}

TEST_F(PollTest, BetweenLeavesTheOrderOfTimersAsItIs) {
  loop.call_later(absl::Seconds(10), log.note("a"));
  loop.call_later(absl::Seconds(9), [&] { loop.stop(); });
  run();
  for (int i = 0; i < 3; ++i) poll();
  loop.call_later(absl::Seconds(1), log.note("b"));
  poll();
  run();
  EXPECT_EQ(log.str(), "a b");
}

class CloseTest : public LoopTest {
 protected:
  // Leaves something of each kind waiting.
  void fill() {
    loop.queue_microtask(counted());
    loop.call_soon(counted());
    loop.call_later(absl::ZeroDuration(), counted());
    loop.call_later(absl::Hours(1), counted());
    loop.call_later(absl::InfiniteDuration(), counted());
  }
  std::function<void()> counted() {
    return [this, alive = std::shared_ptr<void>(nullptr, [this](void*) { ++destroyed; })] { ++ran; };
  }
  int ran = 0;
  int destroyed = 0;
};

TEST_F(CloseTest, DestroysAllThatWaitsWithoutRunningIt) {
  fill();
  loop.post(counted());
  loop.close();
  EXPECT_EQ(destroyed, 6);
  EXPECT_EQ(ran, 0);
  EXPECT_TRUE(loop.is_closed());
}

TEST_F(CloseTest, DestroysWhatARunHasLeft) {
  loop.call_soon([&] { loop.stop(); });
  loop.call_later(absl::Hours(1), [&] { fill(); });
  loop.call_later(absl::Hours(2), counted());
  run();
  loop.call_soon(counted());
  loop.close();
  EXPECT_EQ(destroyed, 2);
  EXPECT_EQ(ran, 0);
}

TEST_F(CloseTest, DestroysWhatIsQueuedByDestructorsToo) {
  loop.call_soon(at_end([&] {
    fill();
    EXPECT_FALSE(loop.post(counted()));
    loop.call_later(absl::Hours(1), at_end([&] { fill(); }));
  }));
  loop.close();
  EXPECT_EQ(destroyed, 11);
  EXPECT_EQ(ran, 0);
}

// asyncio 34
TEST_F(CloseTest, AgainDoesNothing) {
  loop.close();
  loop.close();
  EXPECT_TRUE(loop.is_closed());
}

// asyncio 38
TEST_F(CloseTest, IsDoneByTheDestructor) {
  loop.close();
  {
    EventLoop other;
    other.call_soon(counted());
  }
  EXPECT_EQ(destroyed, 1);
}

TEST_F(CloseTest, DestroysOnceWhatAHandleStillHolds) {
  Handle waiting = loop.call_later(absl::Hours(1), counted());
  Handle cancelled = loop.call_soon(counted());
  cancelled.cancel();
  loop.close();
  EXPECT_FALSE(waiting.is_waiting());
  EXPECT_EQ(destroyed, 2);
}

TEST_F(CloseTest, LetsADestructorCancelWhatStillWaits) {
  Handle other = loop.call_later(absl::Hours(1), counted());
  loop.call_soon(at_end([&] { EXPECT_TRUE(other.cancel()); }));
  loop.close();
  EXPECT_EQ(destroyed, 1);
}

TEST_F(CloseTest, RunsNothingForADestructorThatPolls) {
  loop.call_soon(at_end([&] { loop.poll().IgnoreError(); }));
  fill();
  loop.close();
  EXPECT_EQ(destroyed, 5);
  EXPECT_EQ(ran, 0);
}

TEST_F(CloseTest, LetsTheThreadMakeAnotherLoop) {
  loop.close();
  EventLoop other({.clock = Clock::kVirtual});
  other.call_later(absl::Seconds(1), log.note("a"));
  EXPECT_EQ(other.run(), absl::OkStatus());
  EXPECT_EQ(&EventLoop::current(), &other);
  EXPECT_EQ(log.str(), "a");
}

TEST_F(CloseTest, LeavesAnotherLoopAloneWhenTheClosedOneIsDestroyed) {
  loop.close();
  auto second = std::make_unique<EventLoop>();
  second->close();
  EventLoop third;
  second.reset();
  EXPECT_EQ(EventLoop::current_or_null(), &third);
}

TEST_F(CloseTest, RefusesLaterPosts) {
  loop.close();
  EXPECT_FALSE(loop.post(counted()));
  EXPECT_EQ(destroyed, 1);
  EXPECT_EQ(ran, 0);
}

TEST(CloseFilesTest, GivesBackAllFilesThatTheLoopHad) {
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  const auto before = open_files();
  for (Clock clock : {Clock::kSystem, Clock::kVirtual}) {
    EventLoop loop({.clock = clock});
    EXPECT_GT(open_files(), before);
    loop.call_later(absl::ZeroDuration(), [] {});
    EXPECT_EQ(loop.run(), absl::OkStatus());
    loop.close();
    EXPECT_EQ(open_files(), before);
  }
}

}  // namespace
}  // namespace vow
