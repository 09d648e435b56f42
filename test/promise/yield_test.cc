#include "promise/yield.h"

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using YieldTest = LoopTest;

// asyncio 136
TEST_F(YieldTest, LetsTheOthersHaveATurn) {
  const auto body = [](Log& words) -> Promise<> {
    words.add("before");
    co_await yield();
    words.add("after");
  };
  body(log);
  loop.queue_microtask(log.note("microtask"));
  loop.post(log.note("post"));
  run();
  EXPECT_EQ(log.str(), "before microtask post after");
}

TEST_F(YieldTest, TakesOneTurn) {
  const Promise<> promise = yield();
  EXPECT_TRUE(promise.is_pending());
  poll();
  EXPECT_TRUE(promise.is_fulfilled());
}

TEST_F(YieldTest, ComesInTheOrderOfAsking) {
  yield().then(log.note("first"));
  loop.call_soon(log.note("second"));
  yield().then(log.note("third"));
  run();
  EXPECT_EQ(log.str(), "first second third");
}

TEST_F(YieldTest, TwoThatYieldTakeTurns) {
  const auto body = [](Log& words, int from) -> Promise<> {
    for (int i = from; i < from + 3; ++i) {
      words.add(i);
      co_await yield();
    }
  };
  body(log, 1);
  body(log, 11);
  run();
  EXPECT_EQ(log.str(), "1 11 2 12 3 13");
}

TEST_F(YieldTest, TimersComeInBetween) {
  bool fired = false;
  sleep(absl::ZeroDuration()).then([&fired] { fired = true; });
  const auto body = [](bool& stop, Log& words) -> Promise<> {
    int turns = 0;
    while (!stop && turns < 100) {
      co_await yield();
      ++turns;
    }
    words.add(stop ? "fired" : "starved");
  };
  body(fired, log);
  run();
  EXPECT_EQ(log.str(), "fired");
}

TEST_F(YieldTest, CanBeCancelled) {
  const Promise<> promise = yield();
  EXPECT_TRUE(promise.cancel());
  run();
  EXPECT_EQ(promise.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(YieldTest, TheLoopClosesFirst) {
  const Promise<> promise = yield();
  const Promise<> cancelled = yield();
  cancelled.cancel();
  loop.close();
  EXPECT_EQ(promise.status().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace vow
