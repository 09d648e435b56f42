#include "promise/interval.h"

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using Tick = std::optional<std::int64_t>;

class IntervalTest : public LoopTest {
 protected:
  // Logs a tick and when it came, in milliseconds: "1@1000".
  auto note() {
    return [this](Tick tick) {
      log.add(std::to_string(*tick) + "@" + std::to_string(absl::ToInt64Milliseconds(loop.now() - start)));
    };
  }
  void pass(absl::Duration time) { EXPECT_EQ(run_until_complete(loop, sleep(time)), absl::OkStatus()); }

  // Asks again when it has got a tick and worked on it for a while, `left` times in all.
  Promise<> consume(Interval& ticks, int left, absl::Duration work) {
    if (left == 0) return resolve();
    return ticks.next().then(note()).then([work] { return sleep(work); }).then([this, &ticks, left, work] {
      return consume(ticks, left - 1, work);
    });
  }

  const absl::Time start = loop.now();
};

TEST_F(IntervalTest, TicksForTheFirstTimeAfterAPeriod) {
  interval(absl::Seconds(1)).next().then(note());
  run();
  EXPECT_EQ(log.str(), "1@1000");
}

TEST_F(IntervalTest, TicksOnceForEachCall) {
  Interval ticks = interval(absl::Seconds(1));
  consume(ticks, 3, absl::ZeroDuration());
  run();
  EXPECT_EQ(log.str(), "1@1000 2@2000 3@3000");
}

TEST_F(IntervalTest, DoesNotTickUnasked) {
  [[maybe_unused]] const Interval ticks = interval(absl::Seconds(1));
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(IntervalTest, DoesNotDriftWhateverTheWorkTakes) {
  Interval ticks = interval(absl::Seconds(1));
  consume(ticks, 4, absl::Milliseconds(300));
  run();
  EXPECT_EQ(log.str(), "1@1000 2@2000 3@3000 4@4000");
}

TEST_F(IntervalTest, CountsFromWhenItWasMade) {
  Interval ticks = interval(absl::Seconds(1));
  pass(absl::Milliseconds(400));
  ticks.next().then(note());
  run();
  EXPECT_EQ(log.str(), "1@1000");
}

TEST_F(IntervalTest, GivesTheLastOfTheTicksThatWereMissedAtOnce) {
  Interval ticks = interval(absl::Seconds(1));
  pass(absl::Milliseconds(3500));
  ticks.next().then(note());
  run();
  EXPECT_EQ(log.str(), "3@3500");
}

TEST_F(IntervalTest, LeavesMissedTicksOut) {
  Interval ticks = interval(absl::Seconds(1));
  consume(ticks, 3, absl::Milliseconds(2500));
  run();
  EXPECT_EQ(log.str(), "1@1000 3@3500 6@6000");
}

TEST_F(IntervalTest, IsBackInStepAfterMissedTicks) {
  Interval ticks = interval(absl::Seconds(1));
  pass(absl::Milliseconds(3500));
  consume(ticks, 2, absl::ZeroDuration());
  run();
  EXPECT_EQ(log.str(), "3@3500 4@4000");
}

TEST_F(IntervalTest, GivesATickAtOnceThatFallsOnTheTimeOfTheCall) {
  Interval ticks = interval(absl::Seconds(1));
  pass(absl::Seconds(3));
  ticks.next().then(note());
  run();
  EXPECT_EQ(log.str(), "3@3000");
}

TEST_F(IntervalTest, GivesEachTickOnce) {
  Interval ticks = interval(absl::Seconds(1));
  pass(absl::Seconds(3));
  ticks.next().then(note());
  ticks.next().then(note());
  run();
  EXPECT_EQ(log.str(), "3@3000 4@4000");
}

TEST_F(IntervalTest, AskedSeveralTimesInAdvanceGivesOneTickToEach) {
  Interval ticks = interval(absl::Seconds(1));
  for (int i = 0; i < 3; ++i) ticks.next().then(note());
  run();
  EXPECT_EQ(log.str(), "1@1000 2@2000 3@3000");
}

TEST_F(IntervalTest, AskedInAdvanceLeavesOutOnlyWhatNobodyHasAskedFor) {
  Interval ticks = interval(absl::Seconds(1));
  for (int i = 0; i < 3; ++i) ticks.next().then(note());
  pass(absl::Milliseconds(5500));
  ticks.next().then(note());
  run();
  EXPECT_EQ(log.str(), "1@1000 2@2000 3@3000 5@5500");
}

TEST_F(IntervalTest, CancelledLeavesNoTimer) {
  Interval ticks = interval(absl::Seconds(1));
  EXPECT_TRUE(ticks.next().cancel());
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(IntervalTest, CancelledLeavesThatTickOut) {
  Interval ticks = interval(absl::Seconds(1));
  ticks.next().cancel();
  ticks.next().then(note());
  run();
  EXPECT_EQ(log.str(), "2@2000");
}

TEST_F(IntervalTest, CancelledLeavesTicksAloneThatOthersHaveAskedFor) {
  Interval ticks = interval(absl::Seconds(1));
  const Promise<Tick> first = ticks.next();
  ticks.next().then(note());
  first.cancel();
  run();
  EXPECT_EQ(log.str(), "2@2000");
}

TEST_F(IntervalTest, GoneStillGivesTheTicksThatWereAskedFor) {
  std::optional<Interval> ticks = interval(absl::Seconds(1));
  ticks->next().then(note());
  ticks->next().then(note());
  ticks.reset();
  run();
  EXPECT_EQ(log.str(), "1@1000 2@2000");
}

TEST_F(IntervalTest, OfNothingIsRefused) {
  Interval ticks = interval(absl::ZeroDuration());
  EXPECT_EQ(ticks.next().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(IntervalTest, OfLessThanNothingIsRefused) {
  Interval ticks = interval(absl::Seconds(-1));
  EXPECT_EQ(ticks.next().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(interval(-absl::InfiniteDuration()).next().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(IntervalTest, OfNothingIsRefusedEachTime) {
  Interval ticks = interval(absl::ZeroDuration());
  ticks.next().catch_([](absl::Status) { return Tick(); });
  EXPECT_EQ(ticks.next().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(IntervalTest, OfForEverNeverTicks) {
  Interval ticks = interval(absl::InfiniteDuration());
  const Promise<Tick> first = ticks.next();
  run();
  pass(absl::Hours(1));
  const Promise<Tick> second = ticks.next();
  run();
  EXPECT_TRUE(first.is_pending());
  EXPECT_TRUE(second.is_pending());
}

TEST_F(IntervalTest, OfANanosecondCountsBeyond32Bits) {
  Interval ticks = interval(absl::Nanoseconds(1));
  pass(absl::Seconds(10));
  EXPECT_EQ(**run_until_complete(loop, ticks.next()), 10'000'000'000);
}

TEST_F(IntervalTest, IsRejectedWhenTheLoopCloses) {
  const Promise<Tick> p = interval(absl::Seconds(1)).next();
  loop.close();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace vow
