#include "promise/shield.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "promise/with_timeout.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using ShieldTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }
absl::Status cancelled(const char* reason = "cancelled") { return absl::CancelledError(reason); }

Promise<int> five_in_a_second() {
  return sleep(absl::Seconds(1)).then([] { return 5; });
}

// asyncio 129
TEST_F(ShieldTest, PassesTheValueOn) { EXPECT_EQ(*run_until_complete(loop, shield(five_in_a_second())), 5); }

// asyncio 129
TEST_F(ShieldTest, PassesTheErrorOn) {
  EXPECT_EQ(run_until_complete(loop, shield(sleep(absl::Seconds(1)).then(error))), error());
}

// asyncio 132
TEST_F(ShieldTest, PassesAnOutcomeOnThatIsThere) {
  const Promise<int> p = shield(resolve(5));
  poll();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(ShieldTest, PassesAValueOnThatHasNoCopy) {
  absl::StatusOr<std::unique_ptr<int>> value =
      run_until_complete(loop, shield(sleep(absl::Seconds(1)).then([] { return std::make_unique<int>(5); })));
  EXPECT_EQ(**value, 5);
}

TEST_F(ShieldTest, CopiesAValueThatOthersSee) {
  ProbeCounts counts;
  const Promise<Probe> inside = resolve(Probe(counts));
  const Promise<Probe> outside = shield(inside);
  run();
  EXPECT_TRUE(inside.value().is_whole());
  EXPECT_TRUE(outside.value().is_whole());
}

TEST_F(ShieldTest, CancelledIsRejectedAtOnce) {
  const Promise<int> p = shield(five_in_a_second());
  EXPECT_TRUE(p.cancel("stop"));
  EXPECT_EQ(p.status(), cancelled("stop"));
}

// asyncio 130
TEST_F(ShieldTest, CancelledLetsThePromiseGoOn) {
  const Promise<int> inside = five_in_a_second();
  shield(inside).cancel();
  run();
  EXPECT_EQ(inside.value(), 5);
}

// asyncio 130
TEST_F(ShieldTest, CancelledLetsAPromiseGoOnThatNobodyHolds) {
  shield(sleep(absl::Seconds(1)).then(log.note("done"))).cancel();
  run();
  EXPECT_EQ(log.str(), "done");
}

TEST_F(ShieldTest, CancelledFromFurtherDownLetsThePromiseGoOn) {
  const Promise<> p = shield(sleep(absl::Seconds(1)).then(log.note("done"))).then(log.note("outside"));
  p.cancel();
  run();
  EXPECT_EQ(log.str(), "done");
}

TEST_F(ShieldTest, CancelledDoesNotCallTheHookOfTheDeferred) {
  Deferred<> d;
  d.on_cancel(log.note("hook"));
  shield(d.promise()).cancel();
  d.resolve();
  run();
  EXPECT_EQ(log.str(), "");
}

// asyncio 134
TEST_F(ShieldTest, CancelledLeavesNothingThatWaitsForThePromise) {
  Deferred<> d;
  shield(d.promise()).cancel();
  EXPECT_FALSE(d.is_awaited());
  d.resolve();
}

// asyncio 134
TEST_F(ShieldTest, CancelledStaysSoWhenThePromiseSettles) {
  Deferred<> d;
  const Promise<> p = shield(d.promise());
  p.cancel();
  d.resolve();
  run();
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(ShieldTest, CancelledAfterThePromiseHasSettledDropsTheOutcome) {
  ProbeCounts counts;
  const Promise<Probe> p = shield(resolve(Probe(counts)));
  EXPECT_TRUE(p.cancel());
  EXPECT_EQ(counts.live, 0);
  run();
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(ShieldTest, CancelledASecondTimeRefuses) {
  const Promise<int> p = shield(five_in_a_second());
  p.cancel("first");
  EXPECT_FALSE(p.cancel("second"));
  EXPECT_EQ(p.status(), cancelled("first"));
}

TEST_F(ShieldTest, CancelledBesideAnotherLeavesThatAlone) {
  const Promise<int> inside = five_in_a_second();
  const Promise<int> other = shield(inside);
  shield(inside).cancel();
  run();
  EXPECT_EQ(other.value(), 5);
}

// asyncio 131
TEST_F(ShieldTest, IsRejectedWhenThePromiseIsCancelled) {
  const Promise<int> inside = five_in_a_second();
  const Promise<int> p = shield(inside);
  inside.cancel("stop");
  run();
  EXPECT_EQ(p.status(), cancelled("stop"));
}

// asyncio 133
TEST_F(ShieldTest, OverWhenAllProtectsItsInputs) {
  const std::vector<Promise<>> inputs = {sleep(absl::Seconds(1)).then(log.note("a")),
                                         sleep(absl::Seconds(2)).then(log.note("b"))};
  shield(when_all(inputs)).cancel();
  run();
  EXPECT_EQ(log.str(), "a b");
}

// asyncio 133
TEST_F(ShieldTest, OverWhenAllProtectsInputsThatNobodyHolds) {
  shield(when_all(sleep(absl::Seconds(1)).then(log.note("a")), sleep(absl::Seconds(2)).then(log.note("b")))).cancel();
  run();
  EXPECT_EQ(log.str(), "a b");
}

// asyncio 133
TEST_F(ShieldTest, UnderWhenAllProtectsOneInput) {
  when_all(shield(sleep(absl::Seconds(1)).then(log.note("shielded"))), sleep(absl::Seconds(1)).then(log.note("other")))
      .cancel();
  run();
  EXPECT_EQ(log.str(), "shielded");
}

TEST_F(ShieldTest, UnderATimeoutLetsThePromiseGoOn) {
  with_timeout(shield(sleep(absl::Seconds(2)).then(log.note("done"))), absl::Seconds(1)).catch_(log.note("timeout"));
  run();
  EXPECT_EQ(log.str(), "timeout done");
}

TEST_F(ShieldTest, DroppedLetsThePromiseGoOn) {
  { const Promise<> dropped = shield(sleep(absl::Seconds(1)).then(log.note("done"))); }
  run();
  EXPECT_EQ(log.str(), "done");
}

TEST_F(ShieldTest, IsRejectedWhenTheLoopCloses) {
  const Promise<int> p = shield(five_in_a_second());
  loop.close();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
}

TEST_F(ShieldTest, AMillionDeepLetsThePromiseGoOn) {
  Promise<> p = sleep(absl::Seconds(1)).then(log.note("done"));
  for (int i = 0; i < 1'000'000; ++i) p = shield(std::move(p));
  p.cancel();
  run();
  EXPECT_EQ(log.str(), "done");
}

}  // namespace
}  // namespace vow
