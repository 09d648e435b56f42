#include "promise/sleep.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using SleepTest = LoopTest;

TEST_F(SleepTest, IsFulfilledWhenTheDelayHasPassed) {
  const absl::Time start = loop.now();
  EXPECT_EQ(run_until_complete(loop, sleep(absl::Milliseconds(1500))), absl::OkStatus());
  EXPECT_EQ(loop.now() - start, absl::Milliseconds(1500));
}

TEST_F(SleepTest, UntilIsFulfilledAtTheTime) {
  const absl::Time wakeup = loop.now() + absl::Seconds(90);
  EXPECT_EQ(run_until_complete(loop, sleep_until(wakeup)), absl::OkStatus());
  EXPECT_EQ(loop.now(), wakeup);
}

TEST_F(SleepTest, IsPendingUntilThen) {
  Promise<> p = sleep(absl::Seconds(2));
  EXPECT_EQ(run_until_complete(loop, sleep(absl::Seconds(1))), absl::OkStatus());
  EXPECT_TRUE(p.is_pending());
}

TEST_F(SleepTest, GivesTheValueOfItsThen) {
  absl::StatusOr<int> value = run_until_complete(loop, sleep(absl::Seconds(1)).then([] { return 5; }));
  EXPECT_EQ(*value, 5);
}

TEST_F(SleepTest, WakesInTheOrderOfTheDeadlines) {
  sleep(absl::Seconds(3)).then(log.note("3"));
  sleep(absl::Seconds(1)).then(log.note("1"));
  sleep_until(loop.now() + absl::Seconds(2)).then(log.note("2"));
  run();
  EXPECT_EQ(log.str(), "1 2 3");
}

TEST_F(SleepTest, WakesForEqualDeadlinesInTheOrderOfTheCalls) {
  const absl::Time wakeup = loop.now() + absl::Seconds(1);
  sleep_until(wakeup).then(log.note("a"));
  loop.call_at(wakeup, log.note("b"));
  sleep(absl::Seconds(1)).then(log.note("c"));
  run();
  EXPECT_EQ(log.str(), "a b c");
}

TEST_F(SleepTest, OfNothingWakesInTheNextTurn) {
  Promise<> p = sleep(absl::ZeroDuration());
  EXPECT_TRUE(p.is_pending());
  poll();
  EXPECT_TRUE(p.is_fulfilled());
}

TEST_F(SleepTest, OfNothingLetsOthersRunFirst) {
  loop.call_soon([&] {
    log.add("begin");
    sleep(absl::ZeroDuration()).then(log.note("end"));
    resolve().then(log.note("microtask"));
  });
  loop.call_soon(log.note("other"));
  run();
  EXPECT_EQ(log.str(), "begin microtask other end");
}

TEST_F(SleepTest, OfNothingTimeAfterTimeStarvesNobody) {
  sleep(absl::ZeroDuration())
      .then(log.note("a1"))
      .then([] { return sleep(absl::ZeroDuration()); })
      .then(log.note("a2"));
  sleep(absl::ZeroDuration())
      .then(log.note("b1"))
      .then([] { return sleep(absl::ZeroDuration()); })
      .then(log.note("b2"));
  run();
  EXPECT_EQ(log.str(), "a1 b1 a2 b2");
}

TEST_F(SleepTest, OfWhatIsPastWakesTheLongestPastFirst) {
  sleep(absl::Seconds(-1)).then(log.note("-1"));
  sleep(absl::Seconds(-2)).then(log.note("-2"));
  sleep_until(absl::InfinitePast()).then(log.note("past"));
  poll();
  EXPECT_EQ(log.str(), "past -2 -1");
}

TEST_F(SleepTest, ForEverNeverWakes) {
  Promise<> for_ever = sleep(absl::InfiniteDuration());
  Promise<> until_the_end = sleep_until(absl::InfiniteFuture());
  sleep(absl::Hours(24 * 365)).then(log.note("a year"));
  run();
  EXPECT_EQ(log.str(), "a year");
  EXPECT_TRUE(for_ever.is_pending());
  EXPECT_TRUE(until_the_end.is_pending());
}

TEST_F(SleepTest, DroppedStillWakesWhatWaits) {
  { sleep(absl::Seconds(1)).then(log.note("awake")); }
  run();
  EXPECT_EQ(log.str(), "awake");
}

TEST_F(SleepTest, ThatNobodyWaitsForPassesAllTheSame) {
  const absl::Time start = loop.now();
  sleep(absl::Seconds(1));
  run();
  EXPECT_EQ(loop.now() - start, absl::Seconds(1));
}

TEST_F(SleepTest, IsRejectedWhenTheLoopCloses) {
  Promise<> p = sleep(absl::Seconds(1));
  Promise<> for_ever = sleep(absl::InfiniteDuration());
  loop.close();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(for_ever.status().code(), absl::StatusCode::kAborted);
}

TEST_F(SleepTest, SeveralSideBySideTakeAsLongAsTheLongest) {
  const absl::Time start = loop.now();
  for (int i = 1; i <= 3; ++i) sleep(absl::Seconds(i));
  run();
  EXPECT_EQ(loop.now() - start, absl::Seconds(3));
}

}  // namespace
}  // namespace vow
