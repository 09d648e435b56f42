#include "promise/event.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::HasSubstr;
using EventTest = LoopTest;

TEST_F(EventTest, LetsAllGoOnInTheirOrder) {
  Event event;
  event.wait().then(log.note("first"));
  event.wait().then(log.note("second"));
  run();
  EXPECT_EQ(log.str(), "");
  event.set();
  EXPECT_EQ(log.str(), "");
  run();
  EXPECT_EQ(log.str(), "first second");
}

TEST_F(EventTest, LetsWhoComesLaterGoOnAtOnce) {
  Event event;
  event.set();
  EXPECT_TRUE(event.is_set());
  EXPECT_TRUE(event.wait().is_fulfilled());
}

TEST_F(EventTest, HasToBeWaitedForAgainWhenItWasCleared) {
  Event event;
  event.set();
  event.clear();
  EXPECT_FALSE(event.is_set());
  EXPECT_TRUE(event.wait().is_pending());
}

TEST_F(EventTest, LosesNobodyWhoWaitedWhenItIsClearedRightAway) {
  Event event;
  event.wait().then(log.note("went-on"));
  event.set();
  event.clear();
  run();
  EXPECT_EQ(log.str(), "went-on");
}

TEST_F(EventTest, CanBeAwaited) {
  Event event;
  const auto wait = [](Event& set, Log& lines) -> Promise<> {
    co_await set.wait();
    lines.add("set");
  };
  wait(event, log);
  loop.call_soon([&event] { event.set(); });
  run();
  EXPECT_EQ(log.str(), "set");
}

TEST_F(EventTest, WhoIsCancelledLeavesTheQueue) {
  Event event;
  Promise<> first = event.wait();
  event.wait().then(log.note("second"));
  first.cancel();
  event.set();
  run();
  EXPECT_EQ(log.str(), "second");
  EXPECT_TRUE(first.is_rejected());
}

TEST_F(EventTest, AMillionWait) {
  constexpr int kMany = 1'000'000;
  int woken = 0;
  Event event;
  for (int i = 0; i < kMany; ++i) event.wait().then([&woken] { ++woken; });
  event.set();
  run();
  EXPECT_EQ(woken, kMany);
}

TEST_F(EventTest, AMillionAreRejectedWhenItGoes) {
  constexpr int kMany = 1'000'000;
  int rejected = 0;
  {
    Event event;
    for (int i = 0; i < kMany; ++i) event.wait().catch_([&rejected](absl::Status) { ++rejected; });
  }
  run();
  EXPECT_EQ(rejected, kMany);
}

TEST_F(EventTest, WhoWaitsIsRejectedWhenItGoes) {
  std::optional<Event> event(std::in_place);
  const Promise<> waiting = event->wait();
  event.reset();
  EXPECT_EQ(waiting.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(waiting.status().message(), HasSubstr("the Event made at"));
}

TEST_F(EventTest, MayBeSetAfterTheLoopHasClosed) {
  Event event;
  const Promise<> waiting = event.wait();
  waiting.then(log.note("never"));
  loop.close();
  event.set();
  EXPECT_TRUE(waiting.is_fulfilled());
  EXPECT_EQ(log.str(), "");
}

}  // namespace
}  // namespace vow
