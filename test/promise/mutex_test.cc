#include "promise/mutex.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "promise/yield.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::HasSubstr;

class MutexTest : public LoopTest {
 protected:
  // Two steps, between which nobody else may come.
  Promise<> both_steps(Mutex& mutex, std::string name) {
    const Mutex::Guard guard = co_await mutex.lock();
    log.add(name + "1");
    co_await sleep(absl::Seconds(1));
    log.add(name + "2");
  }
};

TEST_F(MutexTest, KeepsTogetherWhatAnAwaitParts) {
  Mutex mutex;
  both_steps(mutex, "a");
  both_steps(mutex, "b");
  both_steps(mutex, "c");
  run();
  EXPECT_EQ(log.str(), "a1 a2 b1 b2 c1 c2");
  EXPECT_FALSE(mutex.is_locked());
}

TEST_F(MutexTest, IsLockedWhileAGuardLives) {
  Mutex mutex;
  {
    const std::optional<Mutex::Guard> guard = mutex.try_lock();
    EXPECT_TRUE(mutex.is_locked());
    EXPECT_FALSE(mutex.try_lock().has_value());
  }
  EXPECT_FALSE(mutex.is_locked());
}

TEST_F(MutexTest, IsUnlockedByAnErrorToo) {
  Mutex mutex;
  const auto fail = [&mutex]() -> Promise<> {
    const Mutex::Guard guard = co_await mutex.lock();
    co_await absl::NotFoundError("x");
  };
  fail().catch_([](absl::Status) {});
  run();
  EXPECT_FALSE(mutex.is_locked());
}

TEST_F(MutexTest, MayBeUnlockedBefore) {
  Mutex mutex;
  std::optional<Mutex::Guard> guard = mutex.try_lock();
  guard->unlock();
  EXPECT_FALSE(mutex.is_locked());
  EXPECT_FALSE(guard->is_held());
}

TEST_F(MutexTest, WorksWithChains) {
  Mutex mutex;
  mutex.lock().then([this](Mutex::Guard) { log.add("first"); });
  mutex.lock().then([this](Mutex::Guard) { log.add("second"); });
  run();
  EXPECT_EQ(log.str(), "first second");
}

TEST_F(MutexTest, WhoIsCancelledWhileHeHoldsItUnlocks) {
  Mutex mutex;
  Promise<> first = both_steps(mutex, "a");
  both_steps(mutex, "b");
  poll();
  first.cancel();
  run();
  EXPECT_EQ(log.str(), "a1 b1 b2");
}

TEST_F(MutexTest, WhoIsCancelledBeforeHeSawTheLockPassesItOn) {
  Mutex mutex;
  std::optional<Mutex::Guard> guard = mutex.try_lock();
  Promise<> first = both_steps(mutex, "a");
  both_steps(mutex, "b");
  guard.reset();
  first.cancel();
  run();
  EXPECT_EQ(log.str(), "b1 b2");
}

TEST_F(MutexTest, WhoWaitsIsRejectedWhenItGoes) {
  std::optional<Mutex> mutex(std::in_place);
  const std::optional<Mutex::Guard> guard = mutex->try_lock();
  const Promise<Mutex::Guard> waiting = mutex->lock();
  mutex.reset();
  EXPECT_EQ(waiting.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(waiting.status().message(), HasSubstr("the Mutex made at"));
}

using MutexDeathTest = MutexTest;

TEST_F(MutexDeathTest, UnlockWhatIsNotLocked) {
  Mutex mutex;
  std::optional<Mutex::Guard> guard = mutex.try_lock();
  guard->unlock();
  EXPECT_DEATH(guard->unlock(), "mutex_test.cc:.*unlock\\(\\) of a Mutex::Guard that holds nothing");
}

}  // namespace
}  // namespace vow
