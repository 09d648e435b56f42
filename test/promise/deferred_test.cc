#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::HasSubstr;

using DeferredTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

// asyncio 79
TEST_F(DeferredTest, StartsPending) {
  Deferred<int> d;
  EXPECT_TRUE(d.promise().is_pending());
  EXPECT_FALSE(d.promise().is_fulfilled());
  EXPECT_FALSE(d.promise().is_rejected());
}

// asyncio 79
TEST_F(DeferredTest, PendingHasAStatusThatSaysSo) {
  const int line = __LINE__ + 1;
  Deferred<int> d;
  const absl::Status status = d.promise().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(), HasSubstr("pending"));
  EXPECT_THAT(status.ToString(), HasSubstr("deferred_test.cc:" + std::to_string(line)));
}

TEST_F(DeferredTest, FulfillsItsPromise) {
  Deferred<int> d;
  EXPECT_TRUE(d.resolve(5));
  EXPECT_TRUE(d.promise().is_fulfilled());
  EXPECT_EQ(d.promise().value(), 5);
  EXPECT_EQ(d.promise().status(), absl::OkStatus());
}

TEST_F(DeferredTest, OfNothingFulfillsItsPromise) {
  Deferred<> d;
  EXPECT_TRUE(d.resolve());
  EXPECT_TRUE(d.promise().is_fulfilled());
  d.promise().value();
}

TEST_F(DeferredTest, OfNothingTakesAnOkStatusForFulfilled) {
  Deferred<> d;
  EXPECT_TRUE(d.resolve(absl::OkStatus()));
  EXPECT_TRUE(d.promise().is_fulfilled());
}

TEST_F(DeferredTest, ConvertsTheValue) {
  Deferred<std::string> d;
  d.resolve("text");
  EXPECT_EQ(d.promise().value(), "text");
}

TEST_F(DeferredTest, RejectsItsPromise) {
  Deferred<int> d;
  EXPECT_TRUE(d.reject(error()));
  EXPECT_TRUE(d.promise().is_rejected());
  EXPECT_EQ(d.promise().status(), error());
}

TEST_F(DeferredTest, ResolvesWithAnError) {
  Deferred<int> d;
  EXPECT_TRUE(d.resolve(error()));
  EXPECT_EQ(d.promise().status(), error());
}

TEST_F(DeferredTest, ResolvesWithAStatusOr) {
  Deferred<int> fulfilled, rejected;
  EXPECT_TRUE(fulfilled.resolve(absl::StatusOr<int>(5)));
  EXPECT_TRUE(rejected.resolve(absl::StatusOr<int>(error())));
  EXPECT_EQ(fulfilled.promise().value(), 5);
  EXPECT_EQ(rejected.promise().status(), error());
}

// KJ 10
TEST_F(DeferredTest, FollowsASettledPromise) {
  Deferred<int> d;
  EXPECT_TRUE(d.resolve(resolve(5)));
  EXPECT_TRUE(d.promise().is_pending());
  run();
  EXPECT_EQ(d.promise().value(), 5);
}

TEST_F(DeferredTest, FollowsARejectedPromise) {
  Deferred<int> d;
  d.resolve(reject<int>(error()));
  run();
  EXPECT_EQ(d.promise().status(), error());
}

// KJ 10
TEST_F(DeferredTest, FollowsAPendingPromise) {
  Deferred<int> d;
  d.resolve(sleep(absl::Seconds(1)).then([] { return 5; }));
  poll();
  EXPECT_TRUE(d.promise().is_pending());
  run();
  EXPECT_EQ(d.promise().value(), 5);
}

// asyncio 80
TEST_F(DeferredTest, KeepsTheFirstValue) {
  Deferred<int> d;
  d.resolve(5);
  EXPECT_FALSE(d.resolve(6));
  EXPECT_FALSE(d.reject(error()));
  EXPECT_FALSE(d.resolve(resolve(7)));
  run();
  EXPECT_EQ(d.promise().value(), 5);
}

// asyncio 80
TEST_F(DeferredTest, KeepsTheFirstError) {
  Deferred<int> d;
  d.reject(error());
  EXPECT_FALSE(d.resolve(6));
  EXPECT_FALSE(d.reject(absl::AbortedError("other")));
  run();
  EXPECT_EQ(d.promise().status(), error());
}

// asyncio 80
TEST_F(DeferredTest, KeepsTheFirstPromise) {
  Deferred<int> source, d;
  d.resolve(source.promise());
  EXPECT_FALSE(d.resolve(6));
  EXPECT_FALSE(d.reject(error()));
  EXPECT_FALSE(d.resolve(resolve(7)));
  source.resolve(5);
  run();
  EXPECT_EQ(d.promise().value(), 5);
}

// KJ 41
TEST_F(DeferredTest, CallsBackOnceHoweverOftenItIsSettled) {
  Deferred<int> d;
  d.promise().then([&](int x) { log.add(x); }, log.note("error"));
  d.resolve(5);
  d.resolve(6);
  d.reject(error());
  run();
  EXPECT_EQ(log.str(), "5");
}

// folly 102
TEST_F(DeferredTest, GivesItsPromiseAsOftenAsOneLikes) {
  Deferred<int> d;
  d.promise().then([&](int x) { log.add(x); });
  d.resolve(5);
  d.promise().then([&](int x) { log.add(x); });
  run();
  EXPECT_EQ(log.str(), "5 5");
}

// KJ 9
TEST_F(DeferredTest, SettlesWhatNobodyListensTo) {
  Deferred<int> d;
  { Promise<int> dropped = d.promise(); }
  EXPECT_TRUE(d.resolve(5));
}

// KJ 7, folly 82: the message has the place instead of the type.
TEST_F(DeferredTest, DroppedRejectsItsPromiseAndNamesItsPlace) {
  const int line = __LINE__ + 1;
  std::optional<Deferred<int>> d = Deferred<int>();
  Promise<int> p = d->promise();
  d.reset();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(p.status().ToString(), HasSubstr("broken promise"));
  EXPECT_THAT(p.status().ToString(), HasSubstr("deferred_test.cc:" + std::to_string(line)));
}

// KJ 7
TEST_F(DeferredTest, DroppedTellsThoseWhoWait) {
  std::optional<Deferred<>> d(std::in_place);
  d->promise().then([] {}).catch_(log.note("caught"));
  d.reset();
  log.add("dropped");
  run();
  EXPECT_EQ(log.str(), "dropped caught");
}

TEST_F(DeferredTest, DroppedAfterSettlingChangesNothing) {
  std::optional<Deferred<int>> d(std::in_place);
  Promise<int> p = d->promise();
  d->resolve(5);
  d.reset();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(DeferredTest, DroppedWhileItFollowsAPromiseChangesNothing) {
  std::optional<Deferred<int>> d(std::in_place);
  Promise<int> p = d->promise();
  d->resolve(sleep(absl::Seconds(1)).then([] { return 5; }));
  d.reset();
  run();
  EXPECT_EQ(p.value(), 5);
}

// folly 102
TEST_F(DeferredTest, MovedSettlesTheSamePromise) {
  Deferred<int> d;
  Promise<int> p = d.promise();
  Deferred<int> moved = std::move(d);
  moved.resolve(5);
  EXPECT_EQ(p.value(), 5);
}

TEST_F(DeferredTest, AssignedToDropsTheOneBefore) {
  Deferred<int> d, other;
  Promise<int> p = d.promise();
  d = std::move(other);
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
}

TEST_F(DeferredTest, AssignedToSettlesTheNewPromise) {
  Deferred<int> d, other;
  Promise<int> p = other.promise();
  d = std::move(other);
  d.resolve(5);
  EXPECT_EQ(p.value(), 5);
}

TEST_F(DeferredTest, PassesOnAValueThatHasNoCopy) {
  Deferred<std::unique_ptr<int>> d;
  Promise<std::unique_ptr<int>> p = d.promise();
  d.resolve(std::make_unique<int>(5));
  std::move(p).then([&](std::unique_ptr<int> x) { log.add(*x); });
  run();
  EXPECT_EQ(log.str(), "5");
}

TEST_F(DeferredTest, FollowsAPromiseOfAValueThatHasNoCopy) {
  Deferred<std::unique_ptr<int>> d;
  d.resolve(resolve(std::make_unique<int>(5)));
  run();
  EXPECT_EQ(*d.promise().value(), 5);
}

TEST_F(DeferredTest, FollowsAPromiseThatFollows) {
  Deferred<int> source, middle, end;
  end.resolve(middle.promise());
  middle.resolve(source.promise());
  source.resolve(5);
  run();
  EXPECT_EQ(end.promise().value(), 5);
}

}  // namespace
}  // namespace vow
