#include "promise/semaphore.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/race.h"
#include "promise/sleep.h"
#include "promise/with_timeout.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::HasSubstr;
using Permit = Semaphore::Permit;

class SemaphoreTest : public LoopTest {
 protected:
  // Logs the number when it has got a permit, and keeps that for a second.
  Promise<> hold(Semaphore& semaphore, int number) {
    const Permit permit = co_await semaphore.acquire();
    log.add(number);
    co_await sleep(absl::Seconds(1));
  }

  absl::Duration elapsed() { return loop.now() - start_; }

 private:
  const absl::Time start_ = loop.now();
};

using SemaphoreCancelTest = SemaphoreTest;
using SemaphoreLifetimeTest = SemaphoreTest;

TEST_F(SemaphoreTest, LetsSoManyInAtATime) {
  Semaphore semaphore(2);
  for (int i = 1; i <= 5; ++i) hold(semaphore, i);
  poll();
  EXPECT_EQ(log.str(), "1 2");
  run();
  EXPECT_EQ(log.str(), "1 2 3 4 5");
  EXPECT_EQ(elapsed(), absl::Seconds(3));
}

TEST_F(SemaphoreTest, CountsWhatIsAvailable) {
  Semaphore semaphore(2);
  std::optional<Permit> permit = semaphore.try_acquire();
  EXPECT_EQ(semaphore.available(), 1);
  permit->release();
  EXPECT_EQ(semaphore.available(), 2);
}

TEST_F(SemaphoreTest, TriesInVainWhenThereIsNone) {
  Semaphore semaphore(1);
  const std::optional<Permit> permit = semaphore.try_acquire();
  EXPECT_EQ(semaphore.try_acquire(), std::nullopt);
}

TEST_F(SemaphoreTest, NobodyOvertakesThoseWhoWait) {
  Semaphore semaphore(1);
  std::optional<Permit> permit = semaphore.try_acquire();
  hold(semaphore, 1);
  permit.reset();
  EXPECT_EQ(semaphore.try_acquire(), std::nullopt);
  run();
  EXPECT_EQ(log.str(), "1");
}

TEST_F(SemaphoreTest, APermitMayBeMoved) {
  Semaphore semaphore(1);
  std::optional<Permit> permit = semaphore.try_acquire();
  Permit other = *std::move(permit);
  EXPECT_FALSE(permit->is_held());
  permit.reset();
  EXPECT_EQ(semaphore.available(), 0);
  other = *std::optional<Permit>(std::move(other));
  EXPECT_TRUE(other.is_held());
}

TEST_F(SemaphoreTest, NeverRunsACallbackInsideOfRelease) {
  Semaphore semaphore(1);
  std::optional<Permit> permit = semaphore.try_acquire();
  semaphore.acquire().then([this](Permit) { log.add("acquired"); });
  permit->release();
  EXPECT_EQ(log.str(), "");
  run();
  EXPECT_EQ(log.str(), "acquired");
}

TEST_F(SemaphoreTest, AMillionWait) {
  constexpr int kMany = 1'000'000;
  int got = 0;
  Semaphore semaphore(1);
  std::optional<Permit> permit = semaphore.try_acquire();
  for (int i = 0; i < kMany; ++i) semaphore.acquire().then([&got](Permit) { ++got; });
  permit.reset();
  run();
  EXPECT_EQ(got, kMany);
}

TEST_F(SemaphoreTest, AMillionWhoDoNotCareAnyMorePassItOn) {
  Semaphore semaphore(1);
  std::optional<Permit> permit = semaphore.try_acquire();
  for (int i = 0; i < 1'000'000; ++i) semaphore.acquire();
  permit.reset();
  EXPECT_EQ(semaphore.available(), 1);
}

TEST_F(SemaphoreCancelTest, WhoIsCancelledLeavesTheQueue) {
  Semaphore semaphore(1);
  std::optional<Permit> permit = semaphore.try_acquire();
  Promise<> first = hold(semaphore, 1);
  hold(semaphore, 2);
  first.cancel();
  permit.reset();
  run();
  EXPECT_EQ(log.str(), "2");
  EXPECT_EQ(semaphore.available(), 1);
}

TEST_F(SemaphoreCancelTest, WhoIsCancelledBeforeHeSawHisPermitPassesItOn) {
  Semaphore semaphore(1);
  std::optional<Permit> permit = semaphore.try_acquire();
  Promise<> first = hold(semaphore, 1);
  hold(semaphore, 2);
  permit.reset();  // Granted to the first ...
  first.cancel();  // ... who has not been resumed yet.
  run();
  EXPECT_EQ(log.str(), "2");
  EXPECT_EQ(semaphore.available(), 1);
}

TEST_F(SemaphoreCancelTest, ATimeoutLosesNoPermit) {
  Semaphore semaphore(1);
  std::optional<Permit> permit = semaphore.try_acquire();
  Promise<Permit> late = with_timeout(semaphore.acquire(), absl::Seconds(1));
  sleep(absl::Seconds(2)).then([&permit] { permit.reset(); });
  run();
  EXPECT_EQ(late.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(semaphore.available(), 1);
}

TEST_F(SemaphoreCancelTest, ALostRaceLosesNoPermit) {
  Semaphore left(1), right(1);
  std::vector<Promise<Permit>> both;
  both.push_back(left.acquire());
  both.push_back(right.acquire());
  race(std::move(both)).then([](Permit) {});
  run();
  EXPECT_EQ(left.available(), 1);
  EXPECT_EQ(right.available(), 1);
}

TEST_F(SemaphoreLifetimeTest, WhoWaitsIsRejectedWhenItGoes) {
  std::optional<Semaphore> semaphore(std::in_place, 0);
  const Promise<Permit> waiting = semaphore->acquire();
  semaphore.reset();
  EXPECT_EQ(waiting.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(waiting.status().message(), HasSubstr("the Semaphore made at"));
  EXPECT_THAT(waiting.status().message(), HasSubstr("was destroyed"));
}

TEST_F(SemaphoreLifetimeTest, APermitMayOutliveIt) {
  std::optional<Semaphore> semaphore(std::in_place, 1);
  std::optional<Permit> permit = semaphore->try_acquire();
  semaphore.reset();
  permit->release();
}

TEST_F(SemaphoreLifetimeTest, OutlivesTheLoop) {
  Semaphore semaphore(1);
  std::optional<Permit> permit = semaphore.try_acquire();
  Promise<> waiting = hold(semaphore, 1);
  loop.close();
  permit.reset();
  EXPECT_EQ(semaphore.available(), 1);
  EXPECT_EQ(waiting.status().code(), absl::StatusCode::kAborted);
}

TEST_F(SemaphoreLifetimeTest, TheLoopClosesWhilePermitsAreHeld) {
  Semaphore semaphore(1);
  hold(semaphore, 1);
  hold(semaphore, 2);
  poll();
  loop.close();
  EXPECT_EQ(semaphore.available(), 1);
}

using SemaphoreDeathTest = SemaphoreTest;

TEST_F(SemaphoreDeathTest, ReleaseTwice) {
  Semaphore semaphore(1);
  std::optional<Permit> permit = semaphore.try_acquire();
  permit->release();
  EXPECT_DEATH(permit->release(), "semaphore_test.cc:.*release\\(\\) of a Semaphore::Permit that holds nothing");
}

}  // namespace
}  // namespace vow
