// Promise::cancel: what becomes of the promise. See cancel_travels_test.cc for what becomes of those that it waits for,
// cancel_reentrancy_test.cc for cancels from within callbacks, and on_cancel_test.cc for the producer's side.

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

absl::Status error() { return absl::NotFoundError("e"); }
absl::Status cancelled(const char* reason = "cancelled") { return absl::CancelledError(reason); }

class CancelTest : public LoopTest {
 protected:
  ProbeCounts counts;
};

TEST_F(CancelTest, RejectsAtOnce) {
  const Promise<int> p = sleep(absl::Seconds(1)).then([] { return 5; });
  EXPECT_TRUE(p.cancel());
  EXPECT_TRUE(p.is_rejected());
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CancelTest, RejectsWithTheReason) {
  const Promise<> p = sleep(absl::Seconds(1));
  p.cancel("not wanted");
  EXPECT_EQ(p.status(), cancelled("not wanted"));
}

TEST_F(CancelTest, TellsConsumersLater) {
  const Promise<> p = sleep(absl::Seconds(1));
  p.catch_(log.note("heard"));
  p.cancel();
  log.add("cancelled");
  run();
  EXPECT_EQ(log.str(), "cancelled heard");
}

TEST_F(CancelTest, TellsConsumersInTheOrderOfAttaching) {
  const Promise<> p = sleep(absl::Seconds(1));
  p.catch_(log.note("a"));
  p.finally(log.note("b"));
  p.then(log.note("value"), log.note("c"));
  p.cancel();
  run();
  EXPECT_EQ(log.str(), "a b c");
}

TEST_F(CancelTest, TellsConsumersInTheirPlaceInTheQueue) {
  const Promise<> p = sleep(absl::Seconds(1));
  p.catch_(log.note("heard"));
  loop.queue_microtask(log.note("before"));
  p.cancel();
  loop.queue_microtask(log.note("after"));
  run();
  EXPECT_EQ(log.str(), "before heard after");
}

TEST_F(CancelTest, TellsThoseWhoAttachAfterwards) {
  const Promise<> p = sleep(absl::Seconds(1));
  p.cancel();
  p.catch_(log.note("heard"));
  run();
  EXPECT_EQ(log.str(), "heard");
}

// asyncio 144
TEST_F(CancelTest, OfAPromiseInTheMiddleTellsThoseWhoWaitForIt) {
  const Promise<> middle = sleep(absl::Seconds(1)).then([] {});
  middle.then(log.note("value")).catch_([&](absl::Status status) { log.add(std::string(status.message())); });
  middle.cancel("stopped");
  run();
  EXPECT_EQ(log.str(), "stopped");
}

// asyncio 141
TEST_F(CancelTest, IsAnErrorThatAConsumerMayRecoverFrom) {
  const Promise<int> p = sleep(absl::Seconds(1)).then([] { return 5; });
  const Promise<int> recovered = p.catch_([] { return 6; });
  p.cancel();
  run();
  EXPECT_EQ(recovered.value(), 6);
}

// folly 96
TEST_F(CancelTest, ASecondTimeIsRefused) {
  const Promise<> p = sleep(absl::Seconds(1));
  p.cancel("first");
  EXPECT_FALSE(p.cancel("second"));
  EXPECT_EQ(p.status(), cancelled("first"));
}

// asyncio 143, folly 96
TEST_F(CancelTest, OfAFulfilledPromiseIsRefused) {
  const Promise<int> p = 5;
  EXPECT_FALSE(p.cancel());
  EXPECT_EQ(p.value(), 5);
}

// asyncio 143
TEST_F(CancelTest, OfARejectedPromiseIsRefused) {
  const Promise<int> p = error();
  EXPECT_FALSE(p.cancel());
  EXPECT_EQ(p.status(), error());
}

TEST_F(CancelTest, ComesTooLateForAResultThatConsumersHaveNotHeardYet) {
  Deferred<int> d;
  d.promise().then([&](int x) { log.add(x); });
  d.resolve(5);
  EXPECT_FALSE(d.promise().cancel());
  run();
  EXPECT_EQ(log.str(), "5");
}

TEST_F(CancelTest, AfterTheLoopHasClosedDoesNothing) {
  Deferred<> d;
  loop.close();
  EXPECT_FALSE(d.promise().cancel());
  EXPECT_TRUE(d.promise().is_pending());
}

TEST_F(CancelTest, AfterTheLoopHasClosedTellsNobody) {
  Deferred<> d;
  const Promise<> consumer = d.promise().then([] {});
  loop.close();
  d.promise().cancel();
  EXPECT_TRUE(consumer.is_pending());
}

TEST_F(CancelTest, ByDroppingTheHandleDoesNotHappen) {
  { const Promise<> dropped = sleep(absl::Seconds(1)).then(log.note("ran")); }
  run();
  EXPECT_EQ(log.str(), "ran");
}

TEST_F(CancelTest, EndsARunThatWaitsForThePromise) {
  const Promise<> p = sleep(absl::Hours(1));
  loop.call_later(absl::Seconds(1), [&] { p.cancel("stop"); });
  EXPECT_EQ(run_until_complete(loop, p), cancelled("stop"));
}

// The callback.

TEST_F(CancelTest, DestroysTheCallbackOfThenAtOnce) {
  const Promise<> p = sleep(absl::Seconds(1)).then([probe = Probe(counts)] {}, [probe = Probe(counts)] {});
  p.cancel();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CancelTest, DestroysTheCallbackOfCatchAtOnce) {
  const Promise<> p = sleep(absl::Seconds(1)).catch_([probe = Probe(counts)] {});
  p.cancel();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CancelTest, DestroysTheCallbackOfFinallyAtOnce) {
  const Promise<> p = sleep(absl::Seconds(1)).finally([probe = Probe(counts)] {});
  p.cancel();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CancelTest, DestroysTheCallbacksOfAllThatItReaches) {
  const Promise<> p =
      sleep(absl::Seconds(1)).then([probe = Probe(counts)] {}).catch_([probe = Probe(counts)] {}).then([] {});
  p.cancel();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CancelTest, DestroysACallbackOnceEvenIfThePromiseIsLetGoLater) {
  std::optional<Promise<>> p = sleep(absl::Seconds(1)).then([probe = Probe(counts)] {});
  const Promise<> consumer = p->then([] {});
  p->cancel();
  p.reset();
  consumer.cancel();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CancelTest, KeepsTheCallbackFromRunning) {
  Deferred<> d;
  const Promise<> source = d.promise(), p = source.then(log.note("then"), log.note("error"));
  p.cancel();
  d.resolve();
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(CancelTest, KeepsTheCallbackFromRunningAlthoughTheSourceHasSettled) {
  const Promise<> p = resolve().then(log.note("then"));
  EXPECT_TRUE(p.cancel());
  run();
  EXPECT_EQ(log.str(), "");
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CancelTest, DestroysTheCallbackAlthoughTheSourceHasSettled) {
  const Promise<> p = resolve().then([probe = Probe(counts)] {});
  p.cancel();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CancelTest, LetsGoOfAValueThatHasSettled) {
  const Promise<> p = resolve(Probe(counts)).then([](Probe) {});
  p.cancel();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CancelTest, OfTheOutcomeAsAValueRejectsIt) {
  const Promise<absl::StatusOr<int>> p = Promise<int>(5).settled();
  p.cancel();
  run();
  EXPECT_EQ(p.status(), cancelled());
}

// What a Deferred can still do.

// asyncio 87
TEST_F(CancelTest, LeavesNothingForTheDeferredToResolve) {
  Deferred<int> d;
  d.promise().cancel();
  EXPECT_FALSE(d.resolve(5));
  EXPECT_FALSE(d.resolve(absl::StatusOr<int>(5)));
  EXPECT_EQ(d.promise().status(), cancelled());
}

// asyncio 87
TEST_F(CancelTest, LeavesNothingForTheDeferredToReject) {
  Deferred<int> d;
  d.promise().cancel();
  EXPECT_FALSE(d.reject(error()));
  EXPECT_EQ(d.promise().status(), cancelled());
}

TEST_F(CancelTest, LeavesNothingForTheDeferredToFollow) {
  Deferred<> d;
  const Promise<> other = sleep(absl::Seconds(1));
  d.promise().cancel();
  EXPECT_FALSE(d.resolve(other));
  EXPECT_TRUE(other.is_pending());
}

TEST_F(CancelTest, LeavesNothingForTheDeferredToBreak) {
  std::optional<Deferred<>> d(std::in_place);
  const Promise<> p = d->promise();
  p.cancel();
  d.reset();
  EXPECT_EQ(p.status(), cancelled());
}

// Timers.

// asyncio 137
TEST_F(CancelTest, OfASleepTakesItsTimerOutAtOnce) {
  sleep(absl::Hours(1)).cancel();
  EXPECT_TRUE(loop.is_stalled());
}

// asyncio 137, 139
TEST_F(CancelTest, OfWhatWaitsForASleepTakesTheTimerOutAtOnce) {
  sleep(absl::Hours(1)).then([] {}).finally([] {}).cancel();
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(CancelTest, OfASleepThatIsDueIsInTimeBeforeItHasFired) {
  Promise<> p = resolve();
  loop.call_later(absl::Seconds(1), [&] { p.cancel(); });
  p = sleep(absl::Seconds(1));
  run();
  EXPECT_EQ(p.status(), cancelled());
}

}  // namespace
}  // namespace vow
