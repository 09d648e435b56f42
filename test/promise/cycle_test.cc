// Promises that would wait for themselves: in place of a wait without an end, an error; and nothing leaks.

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loop/source_location.h"
#include "promise/promise.h"
#include "promise/shield.h"
#include "promise/sleep.h"
#include "promise/unhandled_rejection.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using testing::HasSubstr;

class CycleTest : public LoopTest {
 protected:
  CycleTest() {
    on_unhandled_rejection([](const absl::Status&, SourceLocation) {});  // Most look at the error after the run.
  }
  ~CycleTest() override { on_unhandled_rejection({}); }

  static void expect_error(const Promise<>& promise) {
    const absl::Status status = promise.status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.ToString(), HasSubstr("chaining cycle"));
  }

  ProbeCounts counts;
  Promise<> p = resolve(), q = resolve(), r = resolve();
};

TEST_F(CycleTest, OfOneIsAnError) {
  Deferred<> d;
  d.resolve(d.promise());
  expect_error(d.promise());
}

TEST_F(CycleTest, OfACallbackThatReturnsItsOwnPromiseIsAnError) {
  p = resolve().then([&, probe = Probe(counts)] { return p; });
  run();
  expect_error(p);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CycleTest, OfACallbackForErrorsThatReturnsItsOwnPromiseIsAnError) {
  p = reject(absl::NotFoundError("e")).catch_([&] { return p; });
  run();
  expect_error(p);
}

TEST_F(CycleTest, OfTwoIsAnError) {
  Deferred<> a, b;
  a.resolve(b.promise());
  b.resolve(a.promise());
  run();
  expect_error(a.promise());
  expect_error(b.promise());
}

TEST_F(CycleTest, OfTwoCallbacksThatReturnEachOthersPromisesIsAnError) {
  p = resolve().then([&, probe = Probe(counts)] { return q; });
  q = resolve().then([&, probe = Probe(counts)] { return p; });
  run();
  expect_error(p);
  expect_error(q);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CycleTest, OfThreeIsAnError) {
  std::array<Deferred<>, 3> d;
  for (int i = 0; i < 3; ++i) d[i].resolve(d[(i + 1) % 3].promise());
  run();
  for (Deferred<>& each : d) expect_error(each.promise());
}

TEST_F(CycleTest, OfThreeTheOtherWayRoundIsAnError) {
  std::array<Deferred<>, 3> d;
  for (int i = 2; i >= 0; --i) d[i].resolve(d[(i + 1) % 3].promise());
  run();
  for (Deferred<>& each : d) expect_error(each.promise());
}

TEST_F(CycleTest, OfThreeCallbacksThatReturnEachOthersPromisesIsAnError) {
  p = resolve().then([&] { return q; });
  q = resolve().then([&] { return r; });
  r = resolve().then([&] { return p; });
  run();
  for (const Promise<>& each : {p, q, r}) expect_error(each);
}

TEST_F(CycleTest, ThatIsClosedInALaterTurnIsAnError) {
  Deferred<> a, b;
  a.resolve(b.promise());
  run();
  b.resolve(a.promise());
  run();
  expect_error(a.promise());
  expect_error(b.promise());
}

TEST_F(CycleTest, ThatIsClosedWithoutAnyHandleLeftLeavesNothingBehind) {
  auto d = std::make_unique<std::array<Deferred<>, 2>>();
  for (Deferred<>& each : *d) each.promise().catch_([probe = Probe(counts)] {});
  (*d)[0].resolve((*d)[1].promise());
  (*d)[1].resolve((*d)[0].promise());
  d.reset();
  run();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CycleTest, OfAHundredIsAnErrorForEach) {
  std::vector<Deferred<>> d(100);
  for (int i = 0; i < 100; ++i) d[i].resolve(d[(i + 1) % 100].promise());
  run();
  for (Deferred<>& each : d) expect_error(each.promise());
}

TEST_F(CycleTest, ReachesThoseWhoFollowIt) {
  Deferred<> a, b, follower;
  follower.resolve(a.promise());
  a.resolve(b.promise());
  b.resolve(a.promise());
  run();
  expect_error(follower.promise());
}

// Through operators.

TEST_F(CycleTest, ThroughThenIsAnError) {
  Deferred<> d;
  p = d.promise().then([probe = Probe(counts)] {});
  d.resolve(p);
  run();
  expect_error(p);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CycleTest, ThroughThenOfItsOwnPromiseIsAnError) {
  p = resolve().then([&, probe = Probe(counts)] { return p.then([probe = Probe(counts)] {}); });
  run();
  expect_error(p);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CycleTest, ThroughACallbackForErrorsMayBeRecoveredFrom) {
  Deferred<> d;
  p = d.promise().catch_(log.note("caught"));
  d.resolve(p);
  run();
  expect_error(d.promise());
  EXPECT_TRUE(p.is_fulfilled());
  EXPECT_EQ(log.str(), "caught");
}

TEST_F(CycleTest, ThroughManyOperatorsIsAnError) {
  Deferred<> d;
  p = shield(d.promise().finally([] {}).then([] {}, [](absl::Status error) { return error; })).then([] {});
  d.resolve(p);
  run();
  expect_error(p);
}

TEST_F(CycleTest, MayBeCancelledBeforeItIsFound) {
  Deferred<> d;
  d.resolve(d.promise().then([probe = Probe(counts)] {}));
  EXPECT_TRUE(d.promise().cancel());
  EXPECT_EQ(counts.live, 0);
  run();
  EXPECT_EQ(d.promise().status().code(), absl::StatusCode::kCancelled);
}

// `finally`.

TEST_F(CycleTest, OfFinallyThatReturnsItsOwnPromiseIsAnError) {
  p = resolve().finally([&, probe = Probe(counts)] { return p; });
  run();
  expect_error(p);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CycleTest, OfFinallyThatReturnsThenOfItsOwnPromiseIsAnError) {
  p = resolve().finally([&, probe = Probe(counts)] { return p.then([probe = Probe(counts)] {}); });
  run();
  expect_error(p);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CycleTest, OfFinallyAndAnotherIsAnError) {
  p = resolve().finally([&, probe = Probe(counts)] { return q; });
  q = resolve().then([&, probe = Probe(counts)] { return p; });
  run();
  expect_error(p);
  expect_error(q);
  EXPECT_EQ(counts.live, 0);
}

// What looks like one.

TEST_F(CycleTest, IsNoneIfTwoWaitForTheSame) {
  Deferred<> source, a, b;
  a.resolve(source.promise());
  b.resolve(source.promise());
  source.resolve(sleep(absl::Seconds(1)));
  run();
  EXPECT_TRUE(a.promise().is_fulfilled());
  EXPECT_TRUE(b.promise().is_fulfilled());
}

TEST_F(CycleTest, IsNoneIfTheCallbackHasLongRun) {
  p = resolve().then([&] { return sleep(absl::Seconds(1)).then([&] { p.then(log.note("after")); }); });
  run();
  EXPECT_EQ(log.str(), "after");
}

TEST_F(CycleTest, IsLookedForInNoTimeInALongChain) {
  std::vector<Deferred<>> d(100'000);
  for (Deferred<>& each : d) each.promise().then([] {});
  for (std::size_t i = d.size() - 1; i > 0; --i) d[i - 1].resolve(d[i].promise());
  run();
  d.back().resolve();
  run();
  EXPECT_TRUE(d.front().promise().is_fulfilled());
}

}  // namespace
}  // namespace vow
