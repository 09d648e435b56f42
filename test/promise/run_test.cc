#include "promise/run.h"

#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using RunUntilCompleteTest = LoopTest;

constexpr LoopOptions kVirtual{.clock = Clock::kVirtual};

absl::Status error() { return absl::NotFoundError("e"); }

// asyncio 21
TEST_F(RunUntilCompleteTest, GivesTheValue) {
  absl::StatusOr<int> result = run_until_complete(loop, sleep(absl::Seconds(1)).then([] { return 5; }));
  EXPECT_EQ(*result, 5);
}

TEST_F(RunUntilCompleteTest, GivesAStatusForAPromiseOfNothing) {
  EXPECT_EQ(run_until_complete(loop, sleep(absl::Seconds(1))), absl::OkStatus());
}

// asyncio 23
TEST_F(RunUntilCompleteTest, GivesTheErrorUnchanged) {
  absl::Status rich = error();
  rich.SetPayload("type.example/one", absl::Cord("payload"));
  EXPECT_EQ(run_until_complete(loop, sleep(absl::Seconds(1)).then([&] { return rich; })), rich);
  EXPECT_EQ(run_until_complete(loop, reject<int>(rich)).status(), rich);
}

TEST_F(RunUntilCompleteTest, GivesAValueThatHasNoCopy) {
  absl::StatusOr<std::unique_ptr<int>> result = run_until_complete(loop, resolve(std::make_unique<int>(5)));
  EXPECT_EQ(**result, 5);
}

TEST_F(RunUntilCompleteTest, MovesTheValueIfNobodyElseCanSeeIt) {
  ProbeCounts counts;
  absl::StatusOr<Probe> result = run_until_complete(loop, resolve(Probe(counts)));
  EXPECT_EQ(counts.copies, 0);
}

TEST_F(RunUntilCompleteTest, CopiesTheValueIfSomebodyElseCanSeeIt) {
  ProbeCounts counts;
  Promise<Probe> kept = resolve(Probe(counts));
  absl::StatusOr<Probe> result = run_until_complete(loop, kept);
  EXPECT_EQ(counts.copies, 1);
  EXPECT_TRUE(kept.value().is_whole());
}

// asyncio 22
TEST_F(RunUntilCompleteTest, OfASettledPromiseRunsOneTurnThatDoesNotWait) {
  const absl::Time start = loop.now();
  loop.call_later(absl::Seconds(1), log.note("timer"));
  EXPECT_EQ(*run_until_complete(loop, resolve(5)), 5);
  EXPECT_EQ(log.str(), "");
  EXPECT_EQ(loop.now(), start);
}

TEST_F(RunUntilCompleteTest, FinishesTheTurnInWhichThePromiseSettles) {
  loop.call_soon(log.note("soon"));
  EXPECT_EQ(run_until_complete(loop, resolve()), absl::OkStatus());
  EXPECT_EQ(log.str(), "soon");
}

TEST_F(RunUntilCompleteTest, LeavesWhatItsLastTurnAskedForToTheNextRun) {
  loop.call_soon([&] { loop.call_soon(log.note("soon")); });
  EXPECT_EQ(run_until_complete(loop, resolve()), absl::OkStatus());
  log.add("settled");
  run();
  EXPECT_EQ(log.str(), "settled soon");
}

TEST_F(RunUntilCompleteTest, RunsReactionsThatWereThereBefore) {
  Promise<> p = sleep(absl::Seconds(1));
  p.then(log.note("reaction"));
  EXPECT_EQ(run_until_complete(loop, p), absl::OkStatus());
  EXPECT_EQ(log.str(), "reaction");
}

TEST_F(RunUntilCompleteTest, LeavesTimersForTheNextRun) {
  loop.call_later(absl::Seconds(2), log.note("timer"));
  EXPECT_EQ(run_until_complete(loop, sleep(absl::Seconds(1))), absl::OkStatus());
  log.add("settled");
  run();
  EXPECT_EQ(log.str(), "settled timer");
}

TEST_F(RunUntilCompleteTest, AgainAndAgainGivesTheSame) {
  const Promise<int> p = sleep(absl::Seconds(1)).then([] { return 5; });
  EXPECT_EQ(*run_until_complete(loop, p), 5);
  EXPECT_EQ(*run_until_complete(loop, p), 5);
}

// asyncio 32
TEST_F(RunUntilCompleteTest, StoppedFinishesInTheNextRun) {
  const Promise<int> p = sleep(absl::Seconds(2)).then([] { return 5; });
  loop.call_later(absl::Seconds(1), [&] { loop.stop(); });
  EXPECT_EQ(run_until_complete(loop, p).status().code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(p.is_pending());
  EXPECT_EQ(*run_until_complete(loop, p), 5);
}

// asyncio 31
TEST_F(RunUntilCompleteTest, StoppedLeavesNothingBehindThatWouldStopAnotherRun) {
  const Promise<> p = sleep(absl::Seconds(2));
  loop.call_later(absl::Seconds(1), [&] { loop.stop(); });
  EXPECT_EQ(run_until_complete(loop, p).code(), absl::StatusCode::kAborted);
  sleep(absl::Seconds(3)).then(log.note("later than p"));
  run();
  EXPECT_EQ(log.str(), "later than p");
}

TEST_F(RunUntilCompleteTest, StoppedInTheTurnInWhichItSettlesGivesTheValue) {
  Deferred<int> d;
  loop.call_soon([&] {
    loop.stop();
    d.resolve(5);
  });
  EXPECT_EQ(*run_until_complete(loop, d.promise()), 5);
}

TEST_F(RunUntilCompleteTest, AfterAStopRunsOneTurn) {
  loop.stop();
  loop.call_soon(log.note("soon"));
  EXPECT_EQ(run_until_complete(loop, sleep(absl::Seconds(1))).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(log.str(), "soon");
}

// asyncio 25
TEST_F(RunUntilCompleteTest, InsideOfARunIsRefusedAndTheRunGoesOn) {
  absl::Status inner;
  loop.call_soon([&] { inner = run_until_complete(loop, sleep(absl::Seconds(1))); });
  EXPECT_EQ(run_until_complete(loop, sleep(absl::Seconds(2))), absl::OkStatus());
  EXPECT_EQ(inner.code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RunUntilCompleteTest, InsideOfARunIsRefusedAlsoForASettledPromise) {
  absl::Status inner;
  loop.call_soon([&] { inner = run_until_complete(loop, resolve()); });
  loop.call_later(absl::Seconds(1), log.note("timer"));
  run();
  EXPECT_EQ(inner.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(log.str(), "timer");
}

TEST_F(RunUntilCompleteTest, WaitsForAnotherThreadThatHasAPoster) {
  Deferred<int> d;
  std::thread thread([poster = loop.poster(), &d] { poster.post([&d] { d.resolve(5); }); });
  EXPECT_EQ(*run_until_complete(loop, d.promise()), 5);
  thread.join();
}

TEST(RunTest, GivesTheValueOfTheProgram) {
  absl::StatusOr<int> result = vow::run([] { return sleep(absl::Seconds(1)).then([] { return 5; }); }, kVirtual);
  EXPECT_EQ(*result, 5);
}

TEST(RunTest, GivesTheErrorOfTheProgram) {
  EXPECT_EQ(vow::run([] { return sleep(absl::Seconds(1)).then(error); }, kVirtual), error());
}

TEST(RunTest, TakesWhateverACallbackMayReturn) {
  EXPECT_EQ(vow::run([] {}, kVirtual), absl::OkStatus());
  EXPECT_EQ(vow::run(error, kVirtual), error());
  EXPECT_EQ(*vow::run([] { return 5; }, kVirtual), 5);
  EXPECT_EQ(*vow::run([]() -> absl::StatusOr<int> { return 5; }, kVirtual), 5);
  EXPECT_EQ(*vow::run([]() -> Promise<int> { return 5; }, kVirtual), 5);
}

TEST(RunTest, GivesAValueThatHasNoCopy) {
  absl::StatusOr<std::unique_ptr<int>> result = vow::run([] { return std::make_unique<int>(5); }, kVirtual);
  EXPECT_EQ(**result, 5);
}

// asyncio 39
TEST(RunTest, MakesALoopForAsLongAsItTakes) {
  EXPECT_EQ(EventLoop::current_or_null(), nullptr);
  EXPECT_EQ(vow::run([] { return EventLoop::current().is_open(EventLoop::current_id()) ? absl::OkStatus() : error(); },
                     kVirtual),
            absl::OkStatus());
  EXPECT_EQ(EventLoop::current_or_null(), nullptr);
}

TEST(RunTest, RunsOneProgramAfterAnother) {
  EXPECT_EQ(*vow::run([] { return 1; }, kVirtual), 1);
  EXPECT_EQ(*vow::run([] { return 2; }, kVirtual), 2);
}

TEST(RunTest, ClosesTheLoopOverWhatIsStillPending) {
  Log log;
  absl::Status status = vow::run(
      [&] {
        sleep(absl::Seconds(1)).then([&, end = log.at_end("destroyed")] { log.add("called"); });
        return resolve();
      },
      kVirtual);
  EXPECT_EQ(status, absl::OkStatus());
  EXPECT_EQ(log.str(), "destroyed");
}

TEST(RunTest, IsRefusedOnAThreadThatHasALoop) {
  EventLoop loop(kVirtual);
  Log log;
  EXPECT_EQ(vow::run(log.note("called"), kVirtual).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(log.str(), "");
}

TEST(RunTest, OfAPromiseThatNothingCanSettleEnds) {
  EXPECT_EQ(vow::run([] { return sleep(absl::InfiniteDuration()); }, kVirtual).code(), absl::StatusCode::kAborted);
}

TEST(RunTest, RunsSideBySideInSeveralThreads) {
  auto program = [] { return sleep(absl::Seconds(1)).then([] { return 5; }); };
  absl::StatusOr<int> first, second;
  std::thread one([&] { first = vow::run(program, kVirtual); });
  std::thread two([&] { second = vow::run(program, kVirtual); });
  one.join();
  two.join();
  EXPECT_EQ(*first, 5);
  EXPECT_EQ(*second, 5);
}

}  // namespace
}  // namespace vow
