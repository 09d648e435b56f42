#include <memory>
#include <string>

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

using CatchTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

TEST_F(CatchTest, CallsBackWithTheError) {
  absl::Status caught;
  reject(error()).catch_([&](absl::Status status) { caught = status; });
  run();
  EXPECT_EQ(caught, error());
}

TEST_F(CatchTest, CallsBackWithTheErrorAsAConstReference) {
  absl::Status caught;
  reject(error()).catch_([&](const absl::Status& status) { caught = status; });
  run();
  EXPECT_EQ(caught, error());
}

TEST_F(CatchTest, CallsBackWithoutTheErrorIfTheCallbackTakesNone) {
  reject(error()).catch_(log.note("caught"));
  run();
  EXPECT_EQ(log.str(), "caught");
}

TEST_F(CatchTest, GivesThePayloadsOfTheError) {
  absl::Status rich = error();
  rich.SetPayload("type.example/one", absl::Cord("payload"));
  absl::Status caught;
  reject(rich).catch_([&](absl::Status status) { caught = status; });
  run();
  EXPECT_EQ(caught, rich);
}

TEST_F(CatchTest, NeverRunsInsideCatch) {
  reject(error()).catch_(log.note("callback"));
  log.add("after catch");
  run();
  EXPECT_EQ(log.str(), "after catch callback");
}

// KJ 31
TEST_F(CatchTest, RunsWithNobodyListening) {
  { sleep(absl::Seconds(1)).then(error).catch_(log.note("caught")); }
  run();
  EXPECT_EQ(log.str(), "caught");
}

TEST_F(CatchTest, CatchesWhatCameFromFarUpTheChain) {
  reject<int>(error()).then([](int x) { return x; }).then([] {}).catch_(log.note("caught"));
  run();
  EXPECT_EQ(log.str(), "caught");
}

TEST_F(CatchTest, CatchesWhatACallbackReturned) {
  resolve().then(error).catch_(log.note("caught"));
  run();
  EXPECT_EQ(log.str(), "caught");
}

TEST_F(CatchTest, LetsAValuePass) {
  Promise<int> p = resolve(5).catch_([&] {
    log.add("caught");
    return 0;
  });
  run();
  EXPECT_EQ(log.str(), "");
  EXPECT_EQ(p.value(), 5);
}

TEST_F(CatchTest, LetsAValuePassThatHasNoCopy) {
  Promise<std::unique_ptr<int>> p = resolve(std::make_unique<int>(5)).catch_([] { return std::make_unique<int>(0); });
  run();
  EXPECT_EQ(*p.value(), 5);
}

TEST_F(CatchTest, GoesOnWithTheValueThatItReturns) {
  Promise<int> p = reject<int>(error()).catch_([] { return 5; });
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(CatchTest, GoesOnFulfilledIfItReturnsNothing) {
  Promise<> p = reject(error()).catch_([] {});
  run();
  EXPECT_TRUE(p.is_fulfilled());
}

TEST_F(CatchTest, GoesOnWithTheErrorThatItReturns) {
  Promise<int> p = reject<int>(error()).catch_([] { return absl::AbortedError("other"); });
  run();
  EXPECT_EQ(p.status(), absl::AbortedError("other"));
}

TEST_F(CatchTest, GoesOnWithTheStatusOrThatItReturns) {
  Promise<int> p = reject<int>(error()).catch_([]() -> absl::StatusOr<int> { return 5; });
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(CatchTest, PassesTheErrorOnIfItReturnsIt) {
  Promise<> p = reject(error()).catch_([](absl::Status status) { return status; });
  run();
  EXPECT_EQ(p.status(), error());
}

TEST_F(CatchTest, WaitsForThePromiseThatItReturns) {
  Promise<int> p = reject<int>(error()).catch_([] { return sleep(absl::Seconds(1)).then([] { return 5; }); });
  poll();
  EXPECT_TRUE(p.is_pending());
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(CatchTest, CatchesTheErrorOfTheCatchBefore) {
  reject(error()).catch_([] { return absl::AbortedError("other"); }).catch_([&](absl::Status status) {
    log.add(std::string(status.message()));
  });
  run();
  EXPECT_EQ(log.str(), "other");
}

TEST_F(CatchTest, OnlyTheFirstCatches) {
  reject(error()).catch_(log.note("first")).catch_(log.note("second"));
  run();
  EXPECT_EQ(log.str(), "first");
}

// asyncio 81
TEST_F(CatchTest, SeveralOnOnePromiseAllCatch) {
  const Promise<> p = reject(error());
  p.catch_(log.note("first"));
  p.catch_(log.note("second"));
  run();
  EXPECT_EQ(log.str(), "first second");
  EXPECT_EQ(p.status(), error());
}

}  // namespace
}  // namespace vow
