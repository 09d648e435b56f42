#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::HasSubstr;

using MakePromiseTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

TEST_F(MakePromiseTest, CallsTheExecutorAtOnce) {
  Promise<> p = make_promise([&](Deferred<>) { log.add("executor"); });
  log.add("after");
  EXPECT_EQ(log.str(), "executor after");
}

TEST_F(MakePromiseTest, GivesThePromiseThatTheExecutorFulfills) {
  Promise<int> p = make_promise<int>([](Deferred<int> d) { d.resolve(5); });
  EXPECT_EQ(p.value(), 5);
}

TEST_F(MakePromiseTest, GivesThePromiseThatTheExecutorRejects) {
  Promise<int> p = make_promise<int>([](Deferred<int> d) { d.reject(error()); });
  EXPECT_EQ(p.status(), error());
}

TEST_F(MakePromiseTest, GivesThePromiseThatIsSettledLater) {
  Promise<int> p = make_promise<int>(
      [&](Deferred<int> d) { loop.call_later(absl::Seconds(1), [d = std::move(d)]() mutable { d.resolve(5); }); });
  EXPECT_TRUE(p.is_pending());
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(MakePromiseTest, FollowsThePromiseThatTheExecutorResolvesWith) {
  Promise<> p = make_promise([](Deferred<> d) { d.resolve(sleep(absl::Seconds(1))); });
  poll();
  EXPECT_TRUE(p.is_pending());
  run();
  EXPECT_TRUE(p.is_fulfilled());
}

TEST_F(MakePromiseTest, KeepsTheFirstOutcome) {
  Promise<int> p = make_promise<int>([](Deferred<int> d) {
    d.resolve(5);
    d.resolve(6);
    d.reject(error());
  });
  EXPECT_EQ(p.value(), 5);
}

TEST_F(MakePromiseTest, IsBrokenIfTheExecutorDropsTheDeferred) {
  const int line = __LINE__ + 1;
  Promise<> p = make_promise([](Deferred<>) {});
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(p.status().ToString(), HasSubstr("make_promise_test.cc:" + std::to_string(line)));
}

TEST_F(MakePromiseTest, IsBrokenIfTheExecutorDoesNotTakeTheDeferredOver) {
  Promise<> p = make_promise([](Deferred<>&&) {});
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
}

TEST_F(MakePromiseTest, IgnoresWhatTheExecutorReturns) {
  Promise<int> p = make_promise<int>([](Deferred<int> d) {
    d.resolve(5);
    return 6;
  });
  EXPECT_EQ(p.value(), 5);
}

TEST_F(MakePromiseTest, TakesAnExecutorThatHasNoCopy) {
  Promise<int> p = make_promise<int>([x = std::make_unique<int>(5)](Deferred<int> d) { d.resolve(*x); });
  EXPECT_EQ(p.value(), 5);
}

TEST_F(MakePromiseTest, DestroysTheExecutorBeforeItReturns) {
  Promise<> p = make_promise([&, end = log.at_end("destroyed")](Deferred<> d) { d.resolve(); });
  log.add("made");
  EXPECT_EQ(log.str(), "destroyed made");
}

TEST_F(MakePromiseTest, MakesAPromiseOfAValueThatHasNoCopy) {
  Promise<std::unique_ptr<int>> p =
      make_promise<std::unique_ptr<int>>([](Deferred<std::unique_ptr<int>> d) { d.resolve(std::make_unique<int>(5)); });
  EXPECT_EQ(*p.value(), 5);
}

}  // namespace
}  // namespace vow
