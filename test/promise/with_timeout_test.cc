#include "promise/with_timeout.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using testing::HasSubstr;

absl::Status error() { return absl::NotFoundError("e"); }
absl::Status cancelled(const char* reason = "cancelled") { return absl::CancelledError(reason); }

Promise<int> five_after(absl::Duration delay) {
  return sleep(delay).then([] { return 5; });
}

class WithTimeoutTest : public LoopTest {
 protected:
  // Logs the error without its place: "DEADLINE_EXCEEDED: timed out after 1s".
  auto note_error() {
    return [this](absl::Status status) { log.add(status.ToString().substr(0, status.ToString().find(','))); };
  }
  absl::Duration passed() { return loop.now() - start; }

  ProbeCounts counts;
  const absl::Time start = loop.now();
};

// In time.

// asyncio 116, folly 97
TEST_F(WithTimeoutTest, GivesAValueThatIsInTime) {
  EXPECT_EQ(*run_until_complete(loop, with_timeout(five_after(absl::Seconds(1)), absl::Seconds(2))), 5);
  EXPECT_EQ(passed(), absl::Seconds(1));
}

// asyncio 116
TEST_F(WithTimeoutTest, TakesItsTimerOutWhenAValueIsInTime) {
  const Promise<int> p = with_timeout(five_after(absl::Seconds(1)), absl::Hours(1));
  run();
  EXPECT_EQ(passed(), absl::Seconds(1));
}

// asyncio 126
TEST_F(WithTimeoutTest, PassesAnErrorOnThatIsInTime) {
  EXPECT_EQ(run_until_complete(loop, with_timeout(sleep(absl::Seconds(1)).then(error), absl::Hours(1))), error());
  EXPECT_TRUE(loop.is_stalled());
}

// asyncio 126
TEST_F(WithTimeoutTest, PassesAnothersDeadlineExceededOn) {
  const absl::Status other = absl::DeadlineExceededError("the server's own");
  EXPECT_EQ(run_until_complete(loop, with_timeout(reject(other), absl::Seconds(1))), other);
}

TEST_F(WithTimeoutTest, GivesAValueThatHasNoCopy) {
  Promise<std::unique_ptr<int>> p =
      with_timeout(five_after(absl::Seconds(1)).then([](int x) { return std::make_unique<int>(x); }), absl::Seconds(2));
  EXPECT_EQ(**run_until_complete(loop, std::move(p)), 5);
}

// folly 97
TEST_F(WithTimeoutTest, KeepsNoValueBeyondItsOwn) {
  const Promise<Probe> p = with_timeout(resolve(Probe(counts)), absl::Seconds(1));
  run();
  EXPECT_EQ(counts.live, 1);
  EXPECT_EQ(counts.copies, 0);
}

// folly 97
TEST_F(WithTimeoutTest, DoesNotDelayWhatHasSettled) {
  with_timeout(resolve(), absl::Seconds(1)).then(log.note("with timeout"));
  resolve().then([] {}).then([] {}).then(log.note("a tick later"));
  run();
  EXPECT_EQ(log.str(), "with timeout a tick later");
}

TEST_F(WithTimeoutTest, WithoutALimitWaitsForEver) {
  const Promise<> p = with_timeout(Promise<>(sleep(absl::InfiniteDuration())), absl::InfiniteDuration());
  run();
  EXPECT_TRUE(p.is_pending());
}

// Too late.

// asyncio 117
TEST_F(WithTimeoutTest, IsRejectedWhenTheLimitHasPassed) {
  with_timeout(five_after(absl::Seconds(2)), absl::Seconds(1)).catch_([&](absl::Status status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_EQ(passed(), absl::Seconds(1));
    log.add("caught");
    return 0;
  });
  run();
  EXPECT_EQ(log.str(), "caught");
}

TEST_F(WithTimeoutTest, NamesTheLimitAndThePlace) {
  const int line = __LINE__ + 1;
  const Promise<> p = with_timeout(sleep(absl::Seconds(2)), absl::Milliseconds(1500));
  p.catch_([] {});
  run();
  EXPECT_THAT(p.status().ToString(), HasSubstr("timed out after 1.5s"));
  EXPECT_THAT(p.status().ToString(), HasSubstr("with_timeout_test.cc:" + std::to_string(line)));
}

TEST_F(WithTimeoutTest, CancelsThePromise) {
  Deferred<> d;
  with_timeout(d.promise(), absl::Seconds(1)).catch_([] {});
  run();
  EXPECT_EQ(d.promise().status().code(), absl::StatusCode::kCancelled);
}

TEST_F(WithTimeoutTest, CancelsWhatThePromiseWaitsFor) {
  with_timeout(five_after(absl::Hours(1)).then(log.note("value")), absl::Seconds(1)).catch_(log.note("timeout"));
  run();
  EXPECT_EQ(log.str(), "timeout");
  EXPECT_EQ(passed(), absl::Seconds(1));
}

TEST_F(WithTimeoutTest, CancelsAChainOfAMillionLinks) {
  Promise<> p = sleep(absl::Hours(1));
  for (int i = 0; i < 1'000'000; ++i) p = std::move(p).then([probe = Probe(counts)] {});
  with_timeout(std::move(p), absl::Seconds(1)).catch_([] {});
  run();
  EXPECT_EQ(counts.live, 0);
  EXPECT_EQ(passed(), absl::Seconds(1));
}

// asyncio 117
TEST_F(WithTimeoutTest, HasTheWorkStoppedBeforeConsumersHear) {
  Deferred<> d;
  d.on_cancel(log.note("stopped"));
  with_timeout(d.promise(), absl::Seconds(1)).catch_(log.note("heard"));
  run();
  EXPECT_EQ(log.str(), "stopped heard");
}

// asyncio 122 has it the other way round: there the error of the clean-up takes the place of the timeout.
TEST_F(WithTimeoutTest, StaysWhatItIsIfTheProducerFailsWhileItStops) {
  Deferred<> d;
  d.on_cancel([&] { EXPECT_FALSE(d.reject(error())); });
  with_timeout(d.promise(), absl::Seconds(1)).catch_(note_error());
  run();
  EXPECT_EQ(log.str(), "DEADLINE_EXCEEDED: timed out after 1s");
}

TEST_F(WithTimeoutTest, LetsAPromiseGoOnThatSomebodyHolds) {
  const Promise<int> held = five_after(absl::Seconds(2));
  with_timeout(held, absl::Seconds(1)).catch_([] { return 0; });
  run();
  EXPECT_EQ(held.value(), 5);
}

TEST_F(WithTimeoutTest, LetsAPromiseGoOnThatSomebodyElseWaitsFor) {
  Deferred<int> d;
  d.promise().then([&](int x) { log.add(x); });
  with_timeout(d.promise(), absl::Seconds(1)).catch_([] { return 0; });
  loop.call_later(absl::Seconds(2), [&] { d.resolve(5); });
  run();
  EXPECT_EQ(log.str(), "5");
}

// folly 97
TEST_F(WithTimeoutTest, LeavesNothingOfAValueThatComesTooLate) {
  Deferred<Probe> d;
  const Promise<Probe> held = d.promise();
  const Promise<Probe> p = with_timeout(held, absl::Seconds(1));
  p.catch_([](absl::Status status) -> Promise<Probe> { return status; }).then([] {}, [] {});
  run();
  d.resolve(Probe(counts));
  run();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(counts.live, 1);
}

// A limit that is over at once.

// asyncio 118
TEST_F(WithTimeoutTest, OfNothingGivesAValueThatIsThere) {
  EXPECT_EQ(*run_until_complete(loop, with_timeout(resolve(5), absl::ZeroDuration())), 5);
  EXPECT_EQ(*run_until_complete(loop, with_timeout(resolve(5), absl::Seconds(-1))), 5);
}

TEST_F(WithTimeoutTest, OfNothingLetsEverythingRunThatIsReady) {
  Promise<int> p = resolve(4).then([](int x) { return resolve(x + 1); });
  EXPECT_EQ(*run_until_complete(loop, with_timeout(std::move(p), absl::ZeroDuration())), 5);
}

// asyncio 119 and 124: there, work that has not begun does not begin. Here, all work has begun when it is promised.
TEST_F(WithTimeoutTest, OfNothingTimesOutInTheNextTurn) {
  const Promise<> p = with_timeout(sleep(absl::Seconds(1)), absl::Seconds(-1));
  p.catch_([] {});
  EXPECT_TRUE(p.is_pending());
  poll();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kDeadlineExceeded);
}

// asyncio 120
TEST_F(WithTimeoutTest, LosesNoValueThatComesAtTheSameTimeAndFirst) {
  EXPECT_EQ(*run_until_complete(loop, with_timeout(five_after(absl::Seconds(1)), absl::Seconds(1))), 5);
}

// asyncio 120
TEST_F(WithTimeoutTest, LosesNoValueThatManyTicksFollowAtTheSameTime) {
  Promise<int> p = five_after(absl::Seconds(1));
  for (int i = 0; i < 10; ++i) p = std::move(p).then([](int x) { return resolve(x); });
  EXPECT_EQ(*run_until_complete(loop, with_timeout(std::move(p), absl::Seconds(1))), 5);
}

// asyncio 120
TEST_F(WithTimeoutTest, LosesNoValueThatSomebodyElseHoldsIfTheLimitComesFirst) {
  Deferred<int> d;
  const Promise<int> held = d.promise();
  with_timeout(held, absl::Seconds(1)).catch_([&] { return log.add("timeout"), 0; });
  loop.call_later(absl::Seconds(1), [&] { EXPECT_TRUE(d.resolve(5)); });
  run();
  EXPECT_EQ(log.str(), "timeout");
  EXPECT_EQ(held.value(), 5);
}

// Cancelled.

// asyncio 127
TEST_F(WithTimeoutTest, CancelledStaysCancelled) {
  const Promise<int> p = with_timeout(five_after(absl::Seconds(2)), absl::Seconds(1));
  EXPECT_TRUE(p.cancel("stop"));
  run();
  EXPECT_EQ(p.status(), cancelled("stop"));
}

// asyncio 121
TEST_F(WithTimeoutTest, CancelledLeavesNoTimer) {
  with_timeout(five_after(absl::Seconds(2)), absl::Seconds(1)).cancel();
  EXPECT_TRUE(loop.is_stalled());
}

// asyncio 121
TEST_F(WithTimeoutTest, CancelledFromFurtherDownLeavesNoTimer) {
  with_timeout(five_after(absl::Seconds(2)), absl::Seconds(1)).then([] {}).cancel();
  EXPECT_TRUE(loop.is_stalled());
}

// asyncio 121
TEST_F(WithTimeoutTest, CancelledCancelsThePromise) {
  Deferred<> d;
  with_timeout(d.promise(), absl::Seconds(1)).cancel("stop");
  EXPECT_EQ(d.promise().status(), cancelled("stop"));
}

TEST_F(WithTimeoutTest, CancelledLetsAPromiseGoOnThatSomebodyHolds) {
  const Promise<int> held = five_after(absl::Seconds(2));
  with_timeout(held, absl::Seconds(1)).cancel();
  EXPECT_TRUE(held.is_pending());
}

TEST_F(WithTimeoutTest, CancelledAfterThePromiseHasSettledLeavesNoTimer) {
  const Promise<int> p = with_timeout(resolve(5), absl::Seconds(1));
  EXPECT_TRUE(p.cancel());
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(WithTimeoutTest, CancelledWhenItHasTimedOutRefuses) {
  const Promise<> p = with_timeout(sleep(absl::Seconds(2)), absl::Seconds(1));
  p.catch_([&] { EXPECT_FALSE(p.cancel()); });
  run();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kDeadlineExceeded);
}

// asyncio 127
TEST_F(WithTimeoutTest, PassesOnThatThePromiseWasCancelled) {
  const Promise<int> inside = five_after(absl::Seconds(2));
  const Promise<int> p = with_timeout(inside, absl::Seconds(1));
  inside.cancel("inside");
  run();
  EXPECT_EQ(p.status(), cancelled("inside"));
}

// One within another.

// asyncio 123
TEST_F(WithTimeoutTest, InsideOfALongerOneReportsItself) {
  with_timeout(with_timeout(sleep(absl::Hours(1)), absl::Seconds(1)), absl::Seconds(2)).catch_(note_error());
  run();
  EXPECT_EQ(log.str(), "DEADLINE_EXCEEDED: timed out after 1s");
  EXPECT_EQ(passed(), absl::Seconds(1));
}

// asyncio 123
TEST_F(WithTimeoutTest, AroundALongerOneReportsItself) {
  const Promise<> inner = with_timeout(sleep(absl::Hours(1)), absl::Seconds(2));
  with_timeout(inner, absl::Seconds(1)).catch_(note_error());
  inner.catch_(note_error());
  run();
  EXPECT_EQ(log.str(), "DEADLINE_EXCEEDED: timed out after 1s DEADLINE_EXCEEDED: timed out after 2s");
}

// asyncio 123
TEST_F(WithTimeoutTest, AroundALongerOneCancelsThat) {
  with_timeout(with_timeout(sleep(absl::Hours(1)), absl::Seconds(2)), absl::Seconds(1)).catch_(note_error());
  run();
  EXPECT_EQ(log.str(), "DEADLINE_EXCEEDED: timed out after 1s");
  EXPECT_EQ(passed(), absl::Seconds(1));
}

// asyncio 128: of two that are overdue there, always the outer one.
TEST_F(WithTimeoutTest, OfTwoThatAreOverdueTheOneThatWasDueFirstReports) {
  with_timeout(with_timeout(sleep(absl::Hours(1)), absl::Seconds(-1)), absl::Seconds(-2)).catch_(note_error());
  run();
  EXPECT_EQ(log.str(), "DEADLINE_EXCEEDED: timed out after -2s");
}

// The end of the loop.

TEST_F(WithTimeoutTest, IsRejectedWhenTheLoopCloses) {
  const Promise<int> p = with_timeout(five_after(absl::Seconds(2)), absl::Seconds(1));
  loop.close();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
}

TEST_F(WithTimeoutTest, IsRejectedWhenADeferredSettlesAfterTheLoopHasClosed) {
  Deferred<int> d;
  const Promise<int> p = with_timeout(d.promise(), absl::Seconds(1));
  loop.close();
  d.resolve(5);
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace vow
