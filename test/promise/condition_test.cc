#include "promise/condition.h"

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/mutex.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "promise/with_timeout.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::HasSubstr;

class ConditionTest : public LoopTest {
 protected:
  // Waits to be notified once, then holds the lock for a second.
  Promise<> wait(std::string name) {
    Mutex::Guard guard = co_await mutex.lock();
    guard = co_await condition.wait(std::move(guard));
    log.add(name);
    EXPECT_TRUE(mutex.is_locked());
    co_await sleep(absl::Seconds(1));
    log.add(absl::StrCat(name, "-done"));
  }

  Mutex mutex;
  Condition condition;
};

using ConditionCancelTest = ConditionTest;

TEST_F(ConditionTest, UnlocksWhileItWaits) {
  wait("a");
  run();
  EXPECT_FALSE(mutex.is_locked());
  EXPECT_EQ(log.str(), "");
}

TEST_F(ConditionTest, NotifiesWhoHasWaitedLongest) {
  wait("a");
  wait("b");
  run();
  condition.notify_one();
  run();
  EXPECT_EQ(log.str(), "a a-done");
}

TEST_F(ConditionTest, NotifiesAllWhoThenLockOneAfterTheOther) {
  wait("a");
  wait("b");
  wait("c");
  run();
  condition.notify_all();
  run();
  EXPECT_EQ(log.str(), "a a-done b b-done c c-done");
}

TEST_F(ConditionTest, NotifyingNobodyIsForgotten) {
  condition.notify_one();
  condition.notify_all();
  wait("a");
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(ConditionTest, WhoIsNotifiedWaitsForTheLock) {
  wait("a");
  run();
  std::optional<Mutex::Guard> guard = mutex.try_lock();
  condition.notify_one();
  run();
  EXPECT_EQ(log.str(), "");
  guard.reset();
  run();
  EXPECT_EQ(log.str(), "a a-done");
}

TEST_F(ConditionTest, MakesAQueue) {
  std::deque<int> items;
  const auto consume = [this, &items]() -> Promise<> {
    for (int i = 0; i < 3; ++i) {
      Mutex::Guard guard = co_await mutex.lock();
      while (items.empty()) guard = co_await condition.wait(std::move(guard));
      log.add(items.front());
      items.pop_front();
    }
  };
  consume();
  for (int i = 1; i <= 3; ++i) {
    sleep(absl::Seconds(i)).then([&items, i, this] {
      items.push_back(i);
      condition.notify_one();
    });
  }
  run();
  EXPECT_EQ(log.str(), "1 2 3");
}

TEST_F(ConditionCancelTest, WhoIsCancelledLeavesTheQueue) {
  Promise<> first = wait("a");
  wait("b");
  run();
  first.cancel();
  condition.notify_one();
  run();
  EXPECT_EQ(log.str(), "b b-done");
}

TEST_F(ConditionCancelTest, WhoWasNotifiedAndWaitsForTheLockPassesItOn) {
  Promise<> first = wait("a");
  wait("b");
  run();
  std::optional<Mutex::Guard> guard = mutex.try_lock();
  condition.notify_one();
  first.cancel();
  guard.reset();
  run();
  EXPECT_EQ(log.str(), "b b-done");
  EXPECT_FALSE(mutex.is_locked());
}

TEST_F(ConditionCancelTest, WhoGotTheLockAndHasNotSeenItPassesItOn) {
  Promise<> first = wait("a");
  wait("b");
  run();
  condition.notify_one();
  first.cancel();
  run();
  EXPECT_EQ(log.str(), "b b-done");
  EXPECT_FALSE(mutex.is_locked());
}

TEST_F(ConditionCancelTest, WhoHasSeenItDoesNot) {
  Promise<> first = wait("a");
  wait("b");
  run();
  condition.notify_one();
  poll();
  EXPECT_EQ(log.str(), "a");
  first.cancel();
  run();
  EXPECT_EQ(log.str(), "a");
}

TEST_F(ConditionCancelTest, ATimeoutComesBackWithoutTheLock) {
  Promise<Mutex::Guard> late = with_timeout(condition.wait(*mutex.try_lock()), absl::Seconds(1));
  run();
  EXPECT_EQ(late.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(mutex.is_locked());
}

using ConditionLifetimeTest = LoopTest;

TEST_F(ConditionLifetimeTest, WhoWaitsIsRejectedWhenItGoes) {
  Mutex mutex;
  std::optional<Condition> condition(std::in_place);
  const Promise<Mutex::Guard> waiting = condition->wait(*mutex.try_lock());
  condition.reset();
  EXPECT_EQ(waiting.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(waiting.status().message(), HasSubstr("the Condition made at"));
  EXPECT_FALSE(mutex.is_locked());
}

TEST_F(ConditionLifetimeTest, WhoWasNotifiedGetsTheLockThoughItGoes) {
  Mutex mutex;
  std::optional<Condition> condition(std::in_place);
  const Promise<Mutex::Guard> waiting = condition->wait(*mutex.try_lock());
  std::optional<Mutex::Guard> guard = mutex.try_lock();
  condition->notify_one();
  condition.reset();
  guard.reset();
  EXPECT_TRUE(waiting.is_fulfilled());
}

TEST_F(ConditionLifetimeTest, TheMutexGoesFirst) {
  std::optional<Mutex> mutex(std::in_place);
  Condition condition;
  Promise<Mutex::Guard> waiting = condition.wait(*mutex->try_lock());
  mutex.reset();
  condition.notify_one();
  EXPECT_TRUE(waiting.is_rejected());
  EXPECT_EQ(waiting.status().code(), absl::StatusCode::kAborted);
}

using ConditionDeathTest = ConditionTest;

TEST_F(ConditionDeathTest, WaitWithAGuardThatHoldsNothing) {
  Mutex::Guard guard = *mutex.try_lock();
  guard.unlock();
  EXPECT_DEATH(condition.wait(std::move(guard)), "condition_test.cc:.*wait\\(\\) of a Condition with a Mutex::Guard");
}

}  // namespace
}  // namespace vow
