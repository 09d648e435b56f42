#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using FinallyTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

TEST_F(FinallyTest, RunsAfterAValueAndLetsItPass) {
  Promise<int> p = resolve(5).finally(log.note("finally"));
  run();
  EXPECT_EQ(log.str(), "finally");
  EXPECT_EQ(p.value(), 5);
}

TEST_F(FinallyTest, RunsAfterAnErrorAndLetsItPass) {
  Promise<int> p = reject<int>(error()).finally(log.note("finally"));
  run();
  EXPECT_EQ(log.str(), "finally");
  EXPECT_EQ(p.status(), error());
}

TEST_F(FinallyTest, LetsTheAbsenceOfAValuePass) {
  Promise<> p = resolve().finally([] {});
  run();
  EXPECT_TRUE(p.is_fulfilled());
}

TEST_F(FinallyTest, LetsAValuePassThatHasNoCopy) {
  Promise<std::unique_ptr<int>> p = resolve(std::make_unique<int>(5)).finally([] {});
  run();
  EXPECT_EQ(*p.value(), 5);
}

TEST_F(FinallyTest, NeverRunsInsideFinally) {
  resolve().finally(log.note("callback"));
  log.add("after finally");
  run();
  EXPECT_EQ(log.str(), "after finally callback");
}

TEST_F(FinallyTest, DoesNotRunWhilePending) {
  Deferred<> d;
  d.promise().finally(log.note("finally"));
  poll();
  EXPECT_EQ(log.str(), "");
}

TEST_F(FinallyTest, IgnoresAValueThatItReturns) {
  Promise<int> p = resolve(5).finally([] { return 6; });
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(FinallyTest, IgnoresAValueInAStatusOr) {
  Promise<int> p = resolve(5).finally([]() -> absl::StatusOr<int> { return 6; });
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(FinallyTest, IgnoresAnOkStatus) {
  Promise<int> p = reject<int>(error()).finally([] { return absl::OkStatus(); });
  run();
  EXPECT_EQ(p.status(), error());
}

TEST_F(FinallyTest, PutsItsErrorInPlaceOfAValue) {
  Promise<int> p = resolve(5).finally([] { return absl::AbortedError("finally"); });
  run();
  EXPECT_EQ(p.status(), absl::AbortedError("finally"));
}

TEST_F(FinallyTest, PutsItsErrorInPlaceOfAnError) {
  Promise<int> p = reject<int>(error()).finally([] { return absl::AbortedError("finally"); });
  run();
  EXPECT_EQ(p.status(), absl::AbortedError("finally"));
}

TEST_F(FinallyTest, TakesTheErrorOfAStatusOr) {
  Promise<int> p = resolve(5).finally([]() -> absl::StatusOr<int> { return absl::AbortedError("finally"); });
  run();
  EXPECT_EQ(p.status(), absl::AbortedError("finally"));
}

TEST_F(FinallyTest, WaitsForThePromiseThatItReturnsAfterAValue) {
  Promise<int> p = resolve(5).finally([] { return sleep(absl::Seconds(1)); });
  poll();
  EXPECT_TRUE(p.is_pending());
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(FinallyTest, WaitsForThePromiseThatItReturnsAfterAnError) {
  Promise<int> p = reject<int>(error()).finally([] { return sleep(absl::Seconds(1)); });
  poll();
  EXPECT_TRUE(p.is_pending());
  run();
  EXPECT_EQ(p.status(), error());
}

TEST_F(FinallyTest, IgnoresTheValueOfThePromiseThatItReturns) {
  Promise<int> p = resolve(5).finally([] { return resolve(6); });
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(FinallyTest, TakesTheErrorOfThePromiseThatItReturns) {
  Promise<int> p = resolve(5).finally([] { return reject(absl::AbortedError("finally")); });
  run();
  EXPECT_EQ(p.status(), absl::AbortedError("finally"));
}

TEST_F(FinallyTest, TakesTheErrorOfThePromiseThatItReturnsAlsoAfterAnError) {
  Promise<int> p = reject<int>(error()).finally(
      [] { return sleep(absl::Seconds(1)).then([] { return absl::AbortedError("finally"); }); });
  run();
  EXPECT_EQ(p.status(), absl::AbortedError("finally"));
}

TEST_F(FinallyTest, SeveralOnOnePromiseAllRun) {
  const Promise<int> p = resolve(5);
  Promise<int> first = p.finally(log.note("first"));
  Promise<int> second = p.finally([] { return error(); });
  p.finally(log.note("third"));
  run();
  EXPECT_EQ(log.str(), "first third");
  EXPECT_EQ(first.value(), 5);
  EXPECT_EQ(second.status(), error());
}

}  // namespace
}  // namespace vow
