#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using ThenTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

TEST_F(ThenTest, CallsBackWithTheValue) {
  resolve(5).then([&](int x) { log.add(x); });
  run();
  EXPECT_EQ(log.str(), "5");
}

// KJ 6
TEST_F(ThenTest, CallsBackWithoutTheValueIfTheCallbackTakesNone) {
  resolve(5).then(log.note("called"));
  run();
  EXPECT_EQ(log.str(), "called");
}

TEST_F(ThenTest, CallsBackWhenTheValueComesLater) {
  Deferred<int> d;
  d.promise().then([&](int x) { log.add(x); });
  poll();
  log.add("nothing yet");
  d.resolve(5);
  run();
  EXPECT_EQ(log.str(), "nothing yet 5");
}

// asyncio 81
TEST_F(ThenTest, NeverRunsInsideThen) {
  resolve(5).then(log.note("callback"));
  log.add("after then");
  run();
  EXPECT_EQ(log.str(), "after then callback");
}

// asyncio 81
TEST_F(ThenTest, NeverRunsInsideResolve) {
  Deferred<int> d;
  d.promise().then(log.note("callback"));
  d.resolve(5);
  log.add("after resolve");
  run();
  EXPECT_EQ(log.str(), "after resolve callback");
}

// asyncio 81
TEST_F(ThenTest, NeverRunsInsideReject) {
  Deferred<int> d;
  d.promise().then([] {}, log.note("callback"));
  d.reject(error());
  log.add("after reject");
  run();
  EXPECT_EQ(log.str(), "after reject callback");
}

TEST_F(ThenTest, NeverRunsInsideOfAnotherCallback) {
  resolve().then([&] {
    log.add("begin");
    resolve().then(log.note("inner"));
    log.add("end");
  });
  run();
  EXPECT_EQ(log.str(), "begin end inner");
}

// KJ 31
TEST_F(ThenTest, RunsWithNobodyListening) {
  { sleep(absl::Seconds(1)).then(log.note("done")); }
  run();
  EXPECT_EQ(log.str(), "done");
}

TEST_F(ThenTest, CallsEachCallbackOfOnePromise) {
  const Promise<int> p = resolve(5);
  p.then([&](int x) { log.add(x); });
  p.then([&](int x) { log.add(x + 1); });
  run();
  EXPECT_EQ(log.str(), "5 6");
}

// asyncio 81
TEST_F(ThenTest, RunsCallbacksInTheOrderOfAttaching) {
  Deferred<> d;
  d.promise().then(log.note("a"));
  Promise<> copy = d.promise();
  copy.then(log.note("b"));
  d.promise().then(log.note("c"));
  d.resolve();
  run();
  EXPECT_EQ(log.str(), "a b c");
}

// asyncio 81
TEST_F(ThenTest, RunsCallbacksInTheOrderOfAttachingAlsoAfterSettling) {
  Deferred<> d;
  d.promise().then(log.note("before"));
  d.resolve();
  d.promise().then(log.note("after"));
  run();
  EXPECT_EQ(log.str(), "before after");
}

// asyncio 83
TEST_F(ThenTest, RunsACallbackAttachedByACallbackOfTheSamePromiseAfterTheOthers) {
  Deferred<> d;
  d.promise().then([&] { d.promise().then(log.note("attached")); });
  d.promise().then(log.note("other"));
  d.resolve();
  run();
  EXPECT_EQ(log.str(), "other attached");
}

// asyncio 82, asyncio 83
TEST_F(ThenTest, CallsNoCallbackWhosePromiseAnotherCallbackHasCancelled) {
  const Promise<> p = resolve();
  std::vector<Promise<>> others;
  p.then([&] {
    for (const Promise<>& other : others) other.cancel();
  });
  for (int i = 0; i < 3; ++i) others.push_back(p.then(log.note("other")));
  p.then(log.note("last"));
  run();
  EXPECT_EQ(log.str(), "last");
}

TEST_F(ThenTest, GivesThePromiseOfWhatTheCallbackReturns) {
  Promise<std::string> p = resolve(5).then([](int x) { return std::to_string(x); });
  EXPECT_TRUE(p.is_pending());
  run();
  EXPECT_EQ(p.value(), "5");
}

TEST_F(ThenTest, SeveralOnOnePromiseGiveOutcomesOfTheirOwn) {
  const Promise<int> p = resolve(5);
  Promise<int> more = p.then([](int x) { return x + 1; });
  Promise<> failed = p.then([] { return error(); });
  run();
  EXPECT_EQ(more.value(), 6);
  EXPECT_EQ(failed.status(), error());
  EXPECT_EQ(p.value(), 5);
}

TEST_F(ThenTest, FollowsASettledPromise) {
  Promise<int> p = resolve().then([] { return resolve(5); });
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(ThenTest, FollowsARejectedPromise) {
  Promise<int> p = resolve().then([] { return reject<int>(error()); });
  run();
  EXPECT_EQ(p.status(), error());
}

// KJ 33
TEST_F(ThenTest, WaitsForAPendingPromise) {
  Promise<int> p = resolve().then([] { return sleep(absl::Seconds(1)).then([] { return 5; }); });
  poll();
  EXPECT_TRUE(p.is_pending());
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(ThenTest, WaitsForAPromiseThatIsRejectedLater) {
  Promise<> p = resolve().then([] { return sleep(absl::Seconds(1)).then(error); });
  poll();
  EXPECT_TRUE(p.is_pending());
  run();
  EXPECT_EQ(p.status(), error());
}

TEST_F(ThenTest, FlattensThreeLevelsOfPromises) {
  auto level = [](auto next) { return sleep(absl::Seconds(1)).then(next); };
  Promise<int> p = level([&] { return level([&] { return level([] { return 5; }); }); });
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(ThenTest, PassesAnErrorByEachValueCallback) {
  Promise<> p = reject<int>(error())
                    .then([&](int x) {
                      log.add(x);
                      return std::string();
                    })
                    .then([&](const std::string& text) { log.add(text); });
  run();
  EXPECT_EQ(log.str(), "");
  EXPECT_EQ(p.status(), error());
}

// KJ 5
TEST_F(ThenTest, PassesAnErrorUnchangedAcrossTypes) {
  absl::Status rich(absl::StatusCode::kDataLoss, "half of it");
  rich.SetPayload("type.example/one", absl::Cord("first"));
  rich.SetPayload("type.example/two", absl::Cord("second"));
  Promise<double> p = reject<int>(rich).then([](int) { return std::string(); }).then([] {}).then([] { return 0.5; });
  run();
  EXPECT_EQ(p.status(), rich);
}

// KJ 1
TEST_F(ThenTest, ChainsTenThousandReturnedPromises) {
  std::function<Promise<int>(int)> count = [&](int n) {
    return n == 10'000 ? resolve(n) : resolve(n).then([&](int x) { return count(x + 1); });
  };
  Promise<int> p = count(0);
  run();
  EXPECT_EQ(p.value(), 10'000);
}

// KJ 2
TEST_F(ThenTest, ChainsTenThousandReturnedPromisesThatHadSettled) {
  Promise<int> p = resolve(0);
  for (int i = 0; i < 10'000; ++i) p = p.then([](int x) { return resolve(x + 1); });
  run();
  EXPECT_EQ(p.value(), 10'000);
}

// KJ 4
TEST_F(ThenTest, ChainsTenThousandReturnedPromisesThatAreShared) {
  std::function<Promise<int>(Promise<int>, int)> count = [&](Promise<int> p, int n) {
    if (n == 0) return p;
    const Promise<int> next = p.then([&, n](int x) { return count(resolve(x + 1), n - 1); });
    next.then([](int) {});
    return next;
  };
  Promise<int> p = count(resolve(0), 10'000);
  run();
  EXPECT_EQ(p.value(), 10'000);
}

TEST_F(ThenTest, CallsTheFirstOfTwoForAValue) {
  resolve().then(log.note("value"), log.note("error"));
  run();
  EXPECT_EQ(log.str(), "value");
}

TEST_F(ThenTest, CallsTheSecondOfTwoForAnError) {
  reject(error()).then(log.note("value"), [&](absl::Status status) { log.add(status.ToString()); });
  run();
  EXPECT_EQ(log.str(), error().ToString());
}

TEST_F(ThenTest, DoesNotCallTheSecondOfTwoForAnErrorOfTheFirst) {
  Promise<> p = resolve().then(error, log.note("second"));
  run();
  EXPECT_EQ(log.str(), "");
  EXPECT_EQ(p.status(), error());
}

TEST_F(ThenTest, GoesOnWithWhatTheSecondOfTwoReturns) {
  Promise<int> p = reject(error()).then([] { return 1; }, []() -> absl::StatusOr<int> { return 2; });
  run();
  EXPECT_EQ(p.value(), 2);
}

TEST_F(ThenTest, FollowsAPromiseOfTheSecondOfTwo) {
  Promise<int> p = reject(error()).then([] { return 1; }, [] { return resolve(2); });
  run();
  EXPECT_EQ(p.value(), 2);
}

TEST_F(ThenTest, FollowsAPromiseOfTheFirstOfTwo) {
  Promise<int> p = resolve().then([] { return resolve(1); }, [] { return 2; });
  run();
  EXPECT_EQ(p.value(), 1);
}

TEST_F(ThenTest, IsPendingUntilItsCallbackRan) {
  Promise<> p = resolve().then([] {});
  std::optional<bool> was_pending;
  loop.queue_microtask([&] { was_pending = p.is_pending(); });
  EXPECT_TRUE(p.is_pending());
  run();
  EXPECT_EQ(was_pending, false);
}

}  // namespace
}  // namespace vow
