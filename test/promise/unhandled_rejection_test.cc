// Which rejections are reported as unhandled, and when. See unhandled_rejection_handler_test.cc for what gets them.

#include "promise/unhandled_rejection.h"

#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loop/source_location.h"
#include "promise/all_settled.h"
#include "promise/as_completed.h"
#include "promise/promise.h"
#include "promise/race.h"
#include "promise/retry.h"
#include "promise/run.h"
#include "promise/shield.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "promise/when_any.h"
#include "promise/with_timeout.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::Status error(const char* message = "e") { return absl::NotFoundError(message); }

// The handler logs the error's message.
class UnhandledRejectionTest : public LoopTest {
 protected:
  UnhandledRejectionTest() {
    on_unhandled_rejection([this](const absl::Status& status, SourceLocation where) {
      log.add(std::string(status.message()));
      lines.push_back(static_cast<int>(where.line()));
    });
  }
  ~UnhandledRejectionTest() override { on_unhandled_rejection({}); }

  std::vector<int> lines;
};

// asyncio 153
TEST_F(UnhandledRejectionTest, IsReportedWithTheError) {
  absl::Status reported;
  on_unhandled_rejection([&](const absl::Status& status, SourceLocation) { reported = status; });
  reject(error());
  run();
  EXPECT_EQ(reported, error());
}

// asyncio 153
TEST_F(UnhandledRejectionTest, IsReportedWithThePlaceWhereThePromiseWasMade) {
  const int line = __LINE__ + 1;
  reject(error());
  run();
  EXPECT_THAT(lines, ElementsAre(line));
}

// asyncio 84
TEST_F(UnhandledRejectionTest, IsReportedOnce) {
  const Promise<> p = reject(error());
  run();
  run();
  loop.close();
  EXPECT_EQ(log.str(), "e");
}

TEST_F(UnhandledRejectionTest, IsReportedWhileThePromiseIsHeld) {
  const Promise<> held = reject(error());
  run();
  EXPECT_EQ(log.str(), "e");
}

TEST_F(UnhandledRejectionTest, OfACallbackIsReported) {
  resolve().then([] { return error(); });
  run();
  EXPECT_EQ(log.str(), "e");
}

TEST_F(UnhandledRejectionTest, OfADeferredIsReportedWithThePlaceOfTheDeferred) {
  const int line = __LINE__ + 1;
  Deferred<> d;
  d.reject(error());
  run();
  EXPECT_THAT(lines, ElementsAre(line));
}

TEST_F(UnhandledRejectionTest, OfABrokenPromiseIsReportedWithThePlaceOfTheDeferred) {
  const int line = __LINE__ + 1;
  std::optional<Deferred<>> d = Deferred<>();
  d.reset();
  run();
  EXPECT_THAT(log.str(), HasSubstr("broken promise"));
  EXPECT_THAT(lines, ElementsAre(line));
}

TEST_F(UnhandledRejectionTest, OfSeveralPromisesIsReportedInTheOrderOfRejecting) {
  Deferred<> a, b;
  b.reject(error("b"));
  reject(error("c"));
  a.reject(error("a"));
  run();
  EXPECT_EQ(log.str(), "b c a");
}

// asyncio 85
TEST_F(UnhandledRejectionTest, DoesNotIncludeAValueThatNobodyWantsOrAPromiseThatNobodyWaitsFor) {
  resolve(5);
  { const Promise<> dropped = sleep(absl::Seconds(1)); }
  {
    const Promise<> dropped = sleep(absl::InfiniteDuration()).then([] {});
  }
  run();
  EXPECT_EQ(log.str(), "");
}

// When.

TEST_F(UnhandledRejectionTest, IsReportedWhenTheMicrotasksHaveRun) {
  loop.call_soon([&] {
    reject(error());
    loop.queue_microtask([&] { loop.queue_microtask(log.note("microtask")); });
  });
  loop.call_soon(log.note("next"));
  run();
  EXPECT_EQ(log.str(), "microtask e next");
}

TEST_F(UnhandledRejectionTest, OutsideOfARunIsReportedInTheNextOne) {
  reject(error());
  EXPECT_EQ(log.str(), "");
  poll();
  EXPECT_EQ(log.str(), "e");
}

TEST_F(UnhandledRejectionTest, OutsideOfTheLastRunIsReportedWhenTheLoopCloses) {
  reject(error());
  loop.close();
  EXPECT_EQ(log.str(), "e");
}

TEST_F(UnhandledRejectionTest, IsNotReportedIfACallbackIsAttachedBefore) {
  const Promise<> p = reject(error());
  loop.queue_microtask([&] { loop.queue_microtask([&] { p.catch_([] {}); }); });
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(UnhandledRejectionTest, IsReportedIfACallbackIsAttachedInALaterTurn) {
  const Promise<> p = reject(error());
  loop.call_soon([&] { p.catch_(log.note("caught")); });
  run();
  EXPECT_EQ(log.str(), "e caught");
}

// asyncio 85
TEST_F(UnhandledRejectionTest, IsNotReportedIfSomebodyHasAskedForTheStatus) {
  const Promise<> p = reject(error());
  EXPECT_EQ(p.status(), error());
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(UnhandledRejectionTest, IsReportedIfSomebodyHasOnlyAskedWhetherItIsOne) {
  EXPECT_TRUE(reject(error()).is_rejected());
  run();
  EXPECT_EQ(log.str(), "e");
}

TEST_F(UnhandledRejectionTest, IsReportedIfSomebodyHasAskedForTheStatusOnlyBefore) {
  Deferred<> d;
  EXPECT_EQ(d.promise().status().code(), absl::StatusCode::kUnavailable);
  d.reject(error());
  run();
  EXPECT_EQ(log.str(), "e");
}

// Which promise of a chain.

TEST_F(UnhandledRejectionTest, OfAChainIsReportedForTheLastPromise) {
  const Promise<> p = reject(error()).then([] {});
  const int line = __LINE__ + 1;
  p.finally([] {});
  run();
  EXPECT_THAT(lines, ElementsAre(line));
}

TEST_F(UnhandledRejectionTest, OfATreeIsReportedForEachLastPromise) {
  const Promise<> p = reject(error());
  p.then([] {});
  p.catch_([] {});
  p.finally([] {});
  run();
  EXPECT_EQ(log.str(), "e e");
}

TEST_F(UnhandledRejectionTest, ThatIsCaughtIsNotReported) {
  reject(error()).then([] {}).catch_([] {});
  reject(error()).then([] {}, [] {});
  reject(error()).settled();
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(UnhandledRejectionTest, OfACallbackForErrorsIsReported) {
  reject(error("first")).catch_([] { return error("second"); });
  run();
  EXPECT_EQ(log.str(), "second");
}

TEST_F(UnhandledRejectionTest, OfAPromiseThatACallbackReturnsIsReportedForTheOneThatFollows) {
  const int line = __LINE__ + 1;
  resolve().then([] { return reject(error()); });
  run();
  EXPECT_THAT(lines, ElementsAre(line));
}

TEST_F(UnhandledRejectionTest, ThatARunReturnsIsNotReported) {
  EXPECT_EQ(run_until_complete(loop, sleep(absl::Seconds(1)).then([] { return error(); })), error());
  run();
  EXPECT_EQ(log.str(), "");
}

// Combinators.

TEST_F(UnhandledRejectionTest, OfWhenAllIsReportedForWhenAllAlone) {
  const std::vector<Promise<>> inputs = {reject(error("a")), reject(error("b"))};
  const int line = __LINE__ + 1;
  when_all(inputs);
  run();
  EXPECT_EQ(log.str(), "a");
  EXPECT_THAT(lines, ElementsAre(line));
}

// asyncio 93
TEST_F(UnhandledRejectionTest, OfInputsThatComeLaterIsNotReported) {
  Deferred<> a, b;
  const Promise<> held = b.promise();
  when_all(a.promise(), held).catch_([](absl::Status) { return std::tuple<std::monostate, std::monostate>(); });
  a.reject(error());
  run();
  b.reject(error());
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(UnhandledRejectionTest, OfInputsOfACancelledWhenAllIsNotReported) {
  Deferred<> d;
  const Promise<> held = d.promise();
  when_all(std::vector<Promise<>>{held}).cancel();
  d.reject(error());
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(UnhandledRejectionTest, OfInputsOfOtherCombinatorsIsNotReported) {
  const std::vector<Promise<>> inputs = {reject(error("a")), reject(error("b"))};
  when_any(inputs).catch_([] {});
  race(inputs).catch_([] {});
  all_settled(inputs);
  AsCompleted<void> outcomes = as_completed(inputs);
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(UnhandledRejectionTest, OfATimeoutIsReported) {
  with_timeout(sleep(absl::Seconds(2)), absl::Seconds(1));
  run();
  EXPECT_THAT(log.str(), HasSubstr("timed out after 1s"));
  EXPECT_EQ(lines.size(), 1u);
}

TEST_F(UnhandledRejectionTest, OfWhatHasTimedOutIsNotReported) {
  const Promise<> held = sleep(absl::Seconds(2)).then([] { return error(); });
  with_timeout(held, absl::Seconds(1)).catch_([] {});
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(UnhandledRejectionTest, OfWhatAShieldProtectedFromACancelIsReported) {
  shield(sleep(absl::Seconds(1)).then([] { return error(); })).cancel();
  run();
  EXPECT_EQ(log.str(), "e");
}

TEST_F(UnhandledRejectionTest, OfRetriedAttemptsIsReportedForTheLastOne) {
  auto counting = [n = 0]() mutable { return reject(absl::UnavailableError(std::to_string(++n))); };
  retry({.attempts = 3}, counting);
  run();
  EXPECT_EQ(log.str(), "3");
}

// Cancels.

// asyncio 85
TEST_F(UnhandledRejectionTest, OfACancelledPromiseIsNotReported) {
  sleep(absl::Seconds(1)).then([] {}).finally([] {}).cancel();
  const Promise<> source = sleep(absl::Seconds(1));
  source.then([] {}).settled().then([] {});
  source.finally([] {});
  source.cancel();
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(UnhandledRejectionTest, AsCancelledByADeferredIsNotReported) {
  Deferred<>().reject(absl::CancelledError());
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(UnhandledRejectionTest, OfWhatNobodyWantsAnyMoreIsNotReported) {
  const Promise<> consumer = reject(error()).then([] {});
  consumer.cancel();
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(UnhandledRejectionTest, OfWhatACallbackReturnedAfterItCancelledItsPromiseIsNotReported) {
  Promise<> p = resolve();
  p = resolve().then([&] {
    p.cancel();
    return reject(error());
  });
  run();
  EXPECT_EQ(log.str(), "");
}

// The end of the loop.

TEST_F(UnhandledRejectionTest, ByTheClosingLoopIsNotReported) {
  sleep(absl::Seconds(1)).then([] {});
  resolve().then([] {});
  with_timeout(sleep(absl::Seconds(2)), absl::Seconds(1));
  loop.call_soon([d = Deferred<>()] {});
  resolve().then([d = Deferred<>()] {});
  loop.close();
  EXPECT_EQ(log.str(), "");
}

TEST_F(UnhandledRejectionTest, AfterTheLoopHasClosedIsNotReported) {
  Deferred<> d;
  loop.close();
  d.reject(error());
  EXPECT_EQ(log.str(), "");
}

}  // namespace
}  // namespace vow
