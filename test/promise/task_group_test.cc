#include "promise/task_group.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "promise/unhandled_rejection.h"
#include "promise/with_timeout.h"
#include "promise/yield.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using testing::HasSubstr;

class TaskGroupTest : public LoopTest {
 public:
  TaskGroupTest() {
    previous_handler_ = on_unhandled_rejection(
        [this](const absl::Status& error, SourceLocation) { log.add(absl::StrCat("!", error.message())); });
  }
  ~TaskGroupTest() override { on_unhandled_rejection(std::move(previous_handler_)); }

  // Takes so many seconds.
  Promise<int> work(int seconds) {
    const Log::AtEnd end = log.at_end(absl::StrCat("~", seconds));
    co_await sleep(absl::Seconds(seconds));
    log.add(seconds);
    co_return seconds;
  }

  Promise<> fail_after(int seconds, std::string message) {
    co_await sleep(absl::Seconds(seconds));
    co_await absl::NotFoundError(message);
  }

  // When it is cancelled, takes another second to clean up.
  Promise<> tidy() {
    const Log::AtEnd end = log.at_end("~tidy");
    const absl::Status status = co_await sleep(absl::Hours(1)).settled();
    log.add(absl::StrCat("hears:", status.message()));
    co_await sleep(absl::Seconds(1));
    log.add("cleaned");
  }

 protected:
  // So that the tasks that have been spawned have begun.
  void begin() {
    poll();
    poll();
  }

  void log_outcome(Promise<> promise) {
    std::move(promise).then(log.note("ok"), [this](absl::Status error) { log.add(std::string(error.message())); });
  }

  absl::Duration elapsed() { return loop.now() - start_; }

 private:
  UnhandledRejectionHandler previous_handler_;
  const absl::Time start_ = loop.now();
};

using TaskGroupFailureTest = TaskGroupTest;
using TaskGroupCancelTest = TaskGroupTest;
using TaskGroupLeaveTest = TaskGroupTest;
using TaskGroupLifetimeTest = TaskGroupTest;

// asyncio 148
TEST_F(TaskGroupTest, JoinWaitsForAllTasks) {
  TaskGroup group;
  group.spawn(&TaskGroupTest::work, this, 2);
  group.spawn(&TaskGroupTest::work, this, 1);
  log_outcome(group.join());
  run();
  EXPECT_EQ(log.str(), "1 ~1 2 ~2 ok");
  EXPECT_EQ(elapsed(), absl::Seconds(2));
}

TEST_F(TaskGroupTest, SpawnGivesThePromiseOfTheTask) {
  TaskGroup group;
  Promise<int> task = group.spawn(&TaskGroupTest::work, this, 1);
  log_outcome(group.join());
  run();
  EXPECT_EQ(task.value(), 1);
}

TEST_F(TaskGroupTest, TasksBeginInALaterTurnInTheirOrder) {
  TaskGroup group;
  group.spawn(log.note("first"));
  group.spawn(log.note("second"));
  log.add("spawned");
  run();
  EXPECT_EQ(log.str(), "spawned first second");
}

TEST_F(TaskGroupTest, JoinOfNothingIsFulfilled) {
  TaskGroup group;
  EXPECT_TRUE(group.join().is_fulfilled());
}

TEST_F(TaskGroupTest, MayBeJoinedAgain) {
  TaskGroup group;
  log_outcome(group.join());
  log_outcome(group.join());
  run();
  EXPECT_EQ(log.str(), "ok ok");
}

TEST_F(TaskGroupTest, ATaskMaySpawnOthers) {
  TaskGroup group;
  group.spawn([&group, this] { group.spawn(&TaskGroupTest::work, this, 1); });
  log_outcome(group.join());
  run();
  EXPECT_EQ(log.str(), "1 ~1 ok");
}

TEST_F(TaskGroupTest, TasksMayBeChains) {
  TaskGroup group;
  group.spawn([this] { return sleep(absl::Seconds(1)).then(log.note("chain")); });
  log_outcome(group.join());
  run();
  EXPECT_EQ(log.str(), "chain ok");
}

TEST_F(TaskGroupTest, ATasksValueIsMovedToWhoAwaitsIt) {
  ProbeCounts counts;
  TaskGroup group;
  group.spawn([&counts] { return Probe(counts); }).then([](Probe) {});
  run();
  EXPECT_EQ(counts.copies, 0);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(TaskGroupTest, TasksMayGiveWhatCannotBeCopied) {
  TaskGroup group;
  group.spawn([] { return std::make_unique<int>(5); }).then([this](std::unique_ptr<int> value) { log.add(*value); });
  run();
  EXPECT_EQ(log.str(), "5");
}

TEST_F(TaskGroupTest, RunsAMillionTasks) {
  constexpr int kMany = 1'000'000;
  int ended = 0;
  TaskGroup group;
  for (int i = 0; i < kMany; ++i) group.spawn([&ended] { ++ended; });
  log_outcome(group.join());
  run();
  EXPECT_EQ(ended, kMany);
  EXPECT_EQ(log.str(), "ok");
}

// asyncio 151
TEST_F(TaskGroupTest, NothingIsSpawnedAfterTheJoin) {
  TaskGroup group;
  group.join();
  const Promise<> late = group.spawn(log.note("never"));
  run();
  EXPECT_EQ(late.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(late.status().message(), HasSubstr("has been joined"));
  EXPECT_THAT(late.status().message(), HasSubstr("task_group_test.cc"));
}

// ---- Failures ----

// asyncio 149
TEST_F(TaskGroupFailureTest, TheFirstCancelsTheOthers) {
  TaskGroup group;
  group.spawn(&TaskGroupTest::work, this, 1);
  group.spawn(&TaskGroupTest::fail_after, this, 2, "broken");
  group.spawn(&TaskGroupTest::work, this, 3);
  log_outcome(group.join());
  run();
  EXPECT_EQ(log.str(), "1 ~1 ~3 broken");
  EXPECT_EQ(elapsed(), absl::Seconds(2));
}

TEST_F(TaskGroupFailureTest, JoinGivesTheErrorUnchanged) {
  absl::Status error = absl::DataLossError("torn");
  error.SetPayload("url", absl::Cord("payload"));
  TaskGroup group;
  group.spawn([error] { return error; });
  const Promise<> joined = group.join();
  run();
  EXPECT_EQ(joined.status(), error);
}

TEST_F(TaskGroupFailureTest, OthersHearOfTheReason) {
  TaskGroup group;
  group.spawn(&TaskGroupTest::fail_after, this, 1, "broken");
  Promise<int> other = group.spawn(&TaskGroupTest::work, this, 3);
  group.join().catch_([](absl::Status) {});
  run();
  EXPECT_EQ(other.status(), absl::CancelledError("another task of the group has failed"));
}

TEST_F(TaskGroupFailureTest, JoinWaitsForThoseWhoCleanUp) {
  TaskGroup group;
  group.spawn(&TaskGroupTest::tidy, this);
  group.spawn(&TaskGroupTest::fail_after, this, 1, "broken");
  log_outcome(group.join());
  run();
  EXPECT_EQ(log.str(), "hears:another task of the group has failed cleaned ~tidy broken");
  EXPECT_EQ(elapsed(), absl::Seconds(2));
}

// asyncio 150
TEST_F(TaskGroupFailureTest, OtherFailuresAreReported) {
  const auto fail = [](std::string message) { return absl::NotFoundError(message); };
  Promise<> gate = sleep(absl::Seconds(1));
  TaskGroup group;
  group.spawn([&] { return gate.then([fail] { return fail("first"); }); });
  group.spawn([&] { return gate.then([fail] { return fail("second"); }); });
  log_outcome(group.join());
  run();
  EXPECT_EQ(log.str(), "first !second");
}

TEST_F(TaskGroupFailureTest, AnErrorWhileCleaningUpIsReported) {
  const auto untidy = []() -> Promise<> {
    static_cast<void>(co_await sleep(absl::Hours(1)).settled());
    co_await absl::DataLossError("mess");
  };
  TaskGroup group;
  group.spawn(untidy);
  group.spawn(&TaskGroupTest::fail_after, this, 1, "broken");
  log_outcome(group.join());
  run();
  EXPECT_EQ(log.str(), "broken !mess");
}

TEST_F(TaskGroupFailureTest, ATaskThatIsCancelledByItselfIsNone) {
  TaskGroup group;
  Promise<int> cancelled = group.spawn(&TaskGroupTest::work, this, 1);
  group.spawn(&TaskGroupTest::work, this, 2);
  log_outcome(group.join());
  begin();
  cancelled.cancel();
  run();
  EXPECT_EQ(log.str(), "~1 2 ~2 ok");
}

// asyncio 151
TEST_F(TaskGroupFailureTest, NothingIsSpawnedAfterOne) {
  TaskGroup group;
  group.spawn([] { return absl::NotFoundError("broken"); });
  group.join().catch_([](absl::Status) {});
  run();
  const Promise<> late = group.spawn(log.note("never"));
  run();
  EXPECT_THAT(late.status().message(), HasSubstr("a task of it has failed"));
}

TEST_F(TaskGroupFailureTest, OneThatNobodyJoinsForIsReported) {
  {
    TaskGroup group;
    group.spawn([] { return absl::NotFoundError("broken"); });
    run();
    EXPECT_EQ(log.str(), "");
  }
  run();
  EXPECT_EQ(log.str(), "!broken");
}

// ---- Cancelling ----

TEST_F(TaskGroupCancelTest, CancelsAllTasks) {
  TaskGroup group;
  group.spawn(&TaskGroupTest::work, this, 1);
  group.spawn(&TaskGroupTest::work, this, 2);
  begin();
  group.cancel();
  log_outcome(group.join());
  run();
  EXPECT_THAT(log.str(), testing::AnyOf("~2 ~1 ok", "~1 ~2 ok"));
  EXPECT_EQ(elapsed(), absl::ZeroDuration());
}

TEST_F(TaskGroupCancelTest, JoinWaitsForThoseWhoCleanUp) {
  TaskGroup group;
  group.spawn(&TaskGroupTest::tidy, this);
  begin();
  group.cancel("enough");
  log_outcome(group.join());
  run();
  EXPECT_EQ(log.str(), "hears:enough cleaned ~tidy ok");
}

TEST_F(TaskGroupCancelTest, ATaskThatHasNotBegunNeverDoes) {
  TaskGroup group;
  group.spawn(log.note("never"));
  group.cancel();
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(TaskGroupCancelTest, Again) {
  TaskGroup group;
  group.spawn(&TaskGroupTest::work, this, 1);
  begin();
  group.cancel();
  group.cancel();
  run();
  EXPECT_EQ(log.str(), "~1");
}

TEST_F(TaskGroupCancelTest, NothingIsSpawnedAfterwards) {
  TaskGroup group;
  group.cancel();
  const Promise<> late = group.spawn(log.note("never"));
  run();
  EXPECT_THAT(late.status().message(), HasSubstr("it was cancelled"));
}

// asyncio 152
TEST_F(TaskGroupCancelTest, ToCancelTheJoinCancelsTheTasks) {
  TaskGroup group;
  group.spawn(&TaskGroupTest::tidy, this);
  begin();
  Promise<> joined = group.join();
  joined.cancel("enough");
  log_outcome(joined);
  run();
  EXPECT_EQ(log.str(), "enough hears:enough cleaned ~tidy");
}

TEST_F(TaskGroupCancelTest, ToCancelOneJoinOfTwoDoesNot) {
  TaskGroup group;
  group.spawn(&TaskGroupTest::work, this, 1);
  log_outcome(group.join());
  group.join().cancel();
  run();
  EXPECT_EQ(log.str(), "1 ~1 ok");
}

TEST_F(TaskGroupCancelTest, ACancelledJoinThatWasTheOnlyOneOfAnEmptyGroupIsThere) {
  TaskGroup group;
  EXPECT_FALSE(group.join().cancel());
}

// ---- Leaving ----

TEST_F(TaskGroupLeaveTest, CancelsWhatRuns) {
  {
    TaskGroup group;
    group.spawn(&TaskGroupTest::work, this, 1);
    begin();
    EXPECT_EQ(log.str(), "");
  }
  EXPECT_EQ(log.str(), "~1");
  run();
  EXPECT_EQ(elapsed(), absl::ZeroDuration());
}

TEST_F(TaskGroupLeaveTest, CancelsWhatOthersHoldToo) {
  std::optional<Promise<int>> task;
  {
    TaskGroup group;
    task = group.spawn(&TaskGroupTest::work, this, 1);
    begin();
  }
  EXPECT_EQ(task->status(), absl::CancelledError("the task group was left"));
}

TEST_F(TaskGroupLeaveTest, NobodyCleansUpAfterwards) {
  {
    TaskGroup group;
    group.spawn(&TaskGroupTest::tidy, this);
    begin();
  }
  run();
  EXPECT_EQ(log.str(), "~tidy");
}

TEST_F(TaskGroupLeaveTest, EndsThoseWhoCleanUpAlready) {
  {
    TaskGroup group;
    group.spawn(&TaskGroupTest::tidy, this);
    begin();
    group.cancel();
    begin();
    EXPECT_EQ(log.str(), "hears:cancelled");
  }
  EXPECT_EQ(log.str(), "hears:cancelled ~tidy");
  run();
  EXPECT_EQ(log.str(), "hears:cancelled ~tidy");
}

TEST_F(TaskGroupLeaveTest, EndsThoseWhoWereToHearOfACancel) {
  {
    TaskGroup group;
    group.spawn(&TaskGroupTest::tidy, this);
    begin();
    group.cancel();
  }
  run();
  EXPECT_EQ(log.str(), "~tidy");
}

TEST_F(TaskGroupLeaveTest, EndsWhatTasksWaitFor) {
  const auto outer = [](TaskGroupTest* test) -> Promise<> {
    static_cast<void>(co_await test->tidy().settled());
    ADD_FAILURE();
  };
  {
    TaskGroup group;
    group.spawn(outer, this);
    begin();
  }
  run();
  EXPECT_EQ(log.str(), "~tidy");
}

TEST_F(TaskGroupLeaveTest, EndsThoseWhoCleanUpAfterATimeout) {
  const auto outer = [this]() -> Promise<> {
    static_cast<void>(co_await with_timeout(tidy(), absl::Seconds(1)).settled());
    log.add("timeout");
    co_await sleep(absl::Hours(1));
  };
  std::optional<TaskGroup> group(std::in_place);
  group->spawn(outer);
  sleep(absl::Milliseconds(1500)).then([&] { group.reset(); });
  run();
  EXPECT_EQ(log.str(), "hears:timed out timeout ~tidy");
  EXPECT_EQ(elapsed(), absl::Milliseconds(1500));
}

TEST_F(TaskGroupLeaveTest, EndsThoseOfTasksThatWereCreatedByTasks) {
  const auto outer = [this]() -> Promise<> {
    Promise<> inner = create_task(&TaskGroupTest::tidy, this);
    co_await yield();
    co_await yield();
    inner.cancel();
    co_await sleep(absl::Hours(1));
  };
  {
    TaskGroup group;
    group.spawn(outer);
    for (int i = 0; i < 4; ++i) begin();
    EXPECT_EQ(log.str(), "hears:cancelled");
  }
  EXPECT_EQ(log.str(), "hears:cancelled ~tidy");
  run();
}

TEST_F(TaskGroupLeaveTest, HooksRunBeforeItReturns) {
  Deferred<> work;
  work.on_cancel(log.note("stopped"));
  {
    TaskGroup group;
    group.spawn([&work] { return work.promise(); });
    begin();
  }
  EXPECT_EQ(log.str(), "stopped");
}

TEST_F(TaskGroupLeaveTest, CallbacksOfTasksDoNotRunAfterwards) {
  {
    TaskGroup group;
    group.spawn([this] { return sleep(absl::Seconds(1)).then(log.note("never")).finally(log.note("never")); });
    begin();
  }
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(TaskGroupLeaveTest, WhoWaitsForATaskHearsOfIt) {
  {
    TaskGroup group;
    log_outcome(group.spawn(&TaskGroupTest::tidy, this));
    begin();
  }
  run();
  EXPECT_EQ(log.str(), "~tidy the task group was left");
}

TEST_F(TaskGroupLeaveTest, WhoJoinsHearsOfIt) {
  {
    TaskGroup group;
    group.spawn(&TaskGroupTest::work, this, 1);
    log_outcome(group.join());
    begin();
  }
  run();
  EXPECT_EQ(log.str(), "~1 the task group was left");
}

TEST_F(TaskGroupLeaveTest, ACoroutineThatIsCancelledInItsJoinEndsItsGroup) {
  const auto outer = [this]() -> Promise<> {
    TaskGroup group;
    group.spawn(&TaskGroupTest::tidy, this);
    co_await group.join();
  };
  Promise<> running = outer();
  begin();
  running.cancel();
  EXPECT_EQ(log.str(), "~tidy");
  run();
  EXPECT_EQ(log.str(), "~tidy");
}

TEST_F(TaskGroupLeaveTest, EndsTheGroupsOfItsTasks) {
  const auto outer = [this]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~outer");
    TaskGroup group;
    group.spawn(&TaskGroupTest::tidy, this);
    co_await group.join();
  };
  {
    TaskGroup group;
    group.spawn(outer);
    begin();
    begin();
  }
  EXPECT_EQ(log.str(), "~tidy ~outer");
  run();
}

TEST_F(TaskGroupLeaveTest, ATaskThatDestroysItsGroupEndsAtItsNextAwait) {
  std::optional<TaskGroup> group(std::in_place);
  const auto task = [&group, this]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~");
    co_await yield();
    group.reset();
    log.add("goes-on");
    static_cast<void>(co_await sleep(absl::Seconds(1)).settled());
    log.add("never");
  };
  group->spawn(task);
  run();
  EXPECT_EQ(log.str(), "goes-on ~");
  EXPECT_EQ(elapsed(), absl::ZeroDuration());
}

TEST_F(TaskGroupLeaveTest, ATaskMayDestroyItsGroupInItsFirstStep) {
  std::optional<TaskGroup> group(std::in_place);
  const auto task = [&group, this]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~");
    group.reset();
    static_cast<void>(co_await sleep(absl::Seconds(1)).settled());
    log.add("never");
  };
  group->spawn(task);
  run();
  EXPECT_EQ(log.str(), "~");
}

TEST_F(TaskGroupLeaveTest, ADestructorOfATaskMaySpawnInVain) {
  std::optional<TaskGroup> group(std::in_place);
  struct SpawnsAtEnd {
    std::optional<TaskGroup>& group;
    Log& log;
    ~SpawnsAtEnd() {
      group->spawn(log.note("never")).catch_([](absl::Status) {});
    }
  };
  const auto task = [&group, this]() -> Promise<> {
    const SpawnsAtEnd at_end{group, log};
    co_await sleep(absl::Seconds(1));
  };
  group->spawn(task);
  begin();
  group->cancel();
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(TaskGroupLeaveTest, DestroysWhatTasksCapture) {
  ProbeCounts counts;
  {
    TaskGroup group;
    group.spawn([probe = Probe(counts), this] { return tidy(); });
    group.spawn([probe = Probe(counts)] {});
  }
  EXPECT_EQ(counts.live, 0);
  run();
}

// ---- Lifetime ----

TEST_F(TaskGroupLifetimeTest, TheLoopClosesFirst) {
  TaskGroup group;
  group.spawn(&TaskGroupTest::tidy, this);
  const Promise<> joined = group.join();
  begin();
  loop.close();
  EXPECT_EQ(log.str(), "~tidy");
  EXPECT_EQ(joined.status().code(), absl::StatusCode::kAborted);
}

TEST_F(TaskGroupLifetimeTest, TheLoopClosesWhileATaskCleansUp) {
  TaskGroup group;
  group.spawn(&TaskGroupTest::tidy, this);
  begin();
  group.cancel();
  begin();
  loop.close();
  EXPECT_EQ(log.str(), "hears:cancelled ~tidy");
}

TEST_F(TaskGroupLifetimeTest, TheLoopClosesWhileATaskWaitsForADeferred) {
  Deferred<> deferred;
  {
    TaskGroup group;
    group.spawn([promise = deferred.promise()]() -> Promise<> { co_await promise; });
    log_outcome(group.join());
    begin();
    loop.close();
  }
  { const Deferred<> dropped = std::move(deferred); }
}

// ---- Misuse ----

using TaskGroupDeathTest = TaskGroupTest;

TEST_F(TaskGroupDeathTest, OnAClosedLoop) {
  TaskGroup group;
  loop.close();
  EXPECT_DEATH(group.spawn([] {}), "task_group_test.cc:.*spawn\\(\\) on a TaskGroup whose event loop is closed");
}

TEST(TaskGroupWithoutLoopDeathTest, EndsTheProgram) {
  EXPECT_DEATH(TaskGroup(), "task_group_test.cc:.*a TaskGroup is made on a thread that has no event loop");
}

}  // namespace
}  // namespace vow
