#include "promise/testing.h"

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/create_task.h"
#include "promise/sleep.h"
#include "promise/when_all.h"

namespace vow {
namespace {

using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::PrintToString;
using ::testing::StartsWith;

// A test within a test: its failures are ours to look at.
template <class Body>
class InnerTest final : public PromiseTest {
 public:
  explicit InnerTest(Body body) : body_(body) {}
  void TestBody() override { body_(*this); }
  using PromiseTest::loop;
  using PromiseTest::run;
  using PromiseTest::run_for;

 private:
  Body body_;
};

template <class Body>
std::vector<std::string> failures_of(Body body) {
  ::testing::TestPartResultArray results;
  {
    const ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
    InnerTest<Body> test(body);
    test.TestBody();
  }
  std::vector<std::string> failures;
  for (int i = 0; i < results.size(); ++i) {
    const auto& result = results.GetTestPartResult(i);
    failures.push_back(std::string(result.file_name()) + ":" + std::to_string(result.line_number()) + " " +
                       result.message());
  }
  return failures;
}

std::string here(int line) { return std::string(__FILE__) + ":" + std::to_string(line); }

using MatchersTest = PromiseTest;

TEST_F(MatchersTest, IsPendingTellsWhetherAPromiseHasSettled) {
  const Promise<> nap = sleep(absl::Seconds(1));
  EXPECT_THAT(nap, IsPending());
  run();
  EXPECT_THAT(nap, ::testing::Not(IsPending()));
}

TEST_F(MatchersTest, IsFulfilledTakesAValueAMatcherOrNothing) {
  EXPECT_THAT(resolve(5), IsFulfilled(5));
  EXPECT_THAT(resolve(5), IsFulfilled(Gt(4)));
  EXPECT_THAT(resolve(5), ::testing::Not(IsFulfilled(4)));
  EXPECT_THAT(resolve(5), IsFulfilled());
  EXPECT_THAT(resolve(), IsFulfilled());
  EXPECT_THAT(resolve(std::string("tea")), IsFulfilled("tea"));
}

TEST_F(MatchersTest, IsFulfilledLooksAtWhatCannotBeCopied) {
  EXPECT_THAT(resolve(std::make_unique<int>(5)), IsFulfilled(::testing::Pointee(5)));
}

TEST_F(MatchersTest, IsRejectedTakesACodeAndAMessage) {
  EXPECT_THAT(reject<int>(absl::NotFoundError("no tea")), IsRejected());
  EXPECT_THAT(reject<int>(absl::NotFoundError("no tea")), IsRejected(absl::StatusCode::kNotFound));
  EXPECT_THAT(reject<int>(absl::NotFoundError("no tea")), IsRejected(absl::StatusCode::kNotFound, "no tea"));
  EXPECT_THAT(reject<int>(absl::NotFoundError("no tea")), IsRejected(absl::StatusCode::kNotFound, HasSubstr("tea")));
  const Promise<int> rejected = absl::NotFoundError("no tea");
  EXPECT_THAT(rejected, ::testing::Not(IsRejected(absl::StatusCode::kAborted)));
  EXPECT_THAT(rejected, ::testing::Not(IsRejected(absl::StatusCode::kNotFound, "no milk")));
}

TEST_F(MatchersTest, IsCancelledTellsACancelFromOtherErrors) {
  const Promise<> nap = sleep(absl::Seconds(1));
  nap.cancel("enough");
  EXPECT_THAT(nap, IsCancelled());
  EXPECT_THAT(nap, IsCancelled("enough"));
  EXPECT_THAT(reject<int>(absl::AbortedError("")), ::testing::Not(IsCancelled()));
}

TEST_F(MatchersTest, SayWhatAPromiseIs) {
  EXPECT_EQ(PrintToString(resolve(42)), "fulfilled 42");
  EXPECT_EQ(PrintToString(resolve()), "fulfilled");
  const Promise<int> rejected = absl::NotFoundError("no tea");
  EXPECT_EQ(PrintToString(rejected), "rejected NOT_FOUND: no tea");
  EXPECT_THAT(rejected, IsRejected());
  const Promise<> nap = sleep(absl::Seconds(1));
  EXPECT_EQ(PrintToString(nap), "pending, made at " + here(__LINE__ - 1));
  run();
}

TEST_F(MatchersTest, SayWhatTheyExpected) {
  ::testing::Matcher<const Promise<int>&> five = IsFulfilled(5);
  EXPECT_EQ(::testing::DescribeMatcher<const Promise<int>&>(five), "is fulfilled with a value that is equal to 5");
  EXPECT_EQ(::testing::DescribeMatcher<const Promise<int>&>(IsPending()), "is pending");
  EXPECT_THAT(::testing::DescribeMatcher<const Promise<int>&>(IsRejected(absl::StatusCode::kNotFound, "x")),
              StartsWith("is rejected, with a code that"));
}

TEST(PromiseTestTest, AFailureSaysWhatWasExpectedAndWhatThereIs) {
  const auto failures = failures_of([](auto&) { EXPECT_THAT(resolve(4), IsFulfilled(5)); });
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_THAT(failures[0], HasSubstr("Expected: is fulfilled with a value that is equal to 5"));
  EXPECT_THAT(failures[0], HasSubstr("Actual: fulfilled 4"));
  EXPECT_THAT(failures[0], HasSubstr("made at " + std::string(__FILE__)));
}

using RunTest = PromiseTest;

TEST_F(RunTest, RunsUntilAPromiseHasSettled) {
  EXPECT_THAT(run_until_settled(sleep(absl::Hours(1)).then([] { return 5; })), IsFulfilled(5));
}

TEST_F(RunTest, GivesBackWhatNothingCanSettle) {
  Deferred<int> deferred;
  EXPECT_THAT(run_until_settled(deferred.promise()), IsPending());
  deferred.resolve(1);
}

TEST_F(RunTest, RunsForAWhile) {
  const Promise<> nap = sleep(absl::Minutes(1));
  run_for(absl::Seconds(59));
  EXPECT_THAT(nap, IsPending());
  run_for(absl::Seconds(1));
  EXPECT_THAT(nap, IsFulfilled());
}

TEST_F(RunTest, RunsToTheEnd) {
  const Promise<> nap = sleep(absl::Minutes(1));
  run();
  EXPECT_THAT(nap, IsFulfilled());
}

TEST_F(RunTest, AssertFulfilledBindsTheValue) {
  VOW_ASSERT_FULFILLED(const int five, sleep(absl::Hours(1)).then([] { return 5; }));
  EXPECT_EQ(five, 5);
  int six = 0;
  VOW_ASSERT_FULFILLED(six, resolve(6));
  EXPECT_EQ(six, 6);
}

TEST_F(RunTest, AssertFulfilledBindsSeveralValues) {
  VOW_ASSERT_FULFILLED((auto [five, tea]), when_all(resolve(5), resolve(std::string("tea"))));
  EXPECT_EQ(five, 5);
  EXPECT_EQ(tea, "tea");
}

TEST_F(RunTest, AssertFulfilledMovesTheValue) {
  VOW_ASSERT_FULFILLED(std::unique_ptr<int> five, resolve(std::make_unique<int>(5)));
  EXPECT_EQ(*five, 5);
}

TEST_F(RunTest, ATestMayBeACoroutine) {
  EXPECT_THAT(run_until_settled(create_task([]() -> Promise<int> {
                co_await sleep(absl::Seconds(1));
                co_return 5;
              })),
              IsFulfilled(5));
}

TEST(PromiseTestTest, AssertFulfilledEndsATestThatHasNoValue) {
  const auto failures = failures_of([](auto&) {
    VOW_ASSERT_FULFILLED(int x, reject<int>(absl::NotFoundError("no tea")));
    FAIL() << x;
  });
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_THAT(failures[0],
              HasSubstr("reject<int>(absl::NotFoundError(\"no tea\")) is not fulfilled: NOT_FOUND: no tea"));
}

TEST(PromiseTestTest, AssertFulfilledSaysSoWhenNothingCanSettle) {
  const auto failures = failures_of([](auto&) {
    Deferred<int> deferred;
    VOW_ASSERT_FULFILLED(int x, deferred.promise());
    FAIL() << x;
  });
  ASSERT_EQ(failures.size(), 2u);
  EXPECT_THAT(failures[0], HasSubstr("nothing is left that could settle"));
  EXPECT_THAT(failures[1], HasSubstr("broken promise"));  // When the test's body ended.
}

TEST(PromiseTestTest, AnUnhandledRejectionFailsTheTestWhereItWasMade) {
  const int line = __LINE__ + 1;
  const auto failures = failures_of([](auto& test) { reject<int>(absl::NotFoundError("no tea")), test.run(); });
  EXPECT_EQ(
      failures,
      std::vector{here(line) + " Failed\nthe promise made here was rejected, and nobody has handled it: NOT_FOUND: no "
                               "tea"});
}

TEST(PromiseTestTest, AnUnhandledRejectionFailsTheTestThatDoesNotRun) {
  EXPECT_EQ(failures_of([](auto&) { reject<int>(absl::NotFoundError("no tea")); }).size(), 1u);
}

TEST(PromiseTestTest, ARejectionMayBeLookedAtLater) {
  EXPECT_THAT(failures_of([](auto& test) {
                const Promise<> rejected = sleep(absl::Seconds(1)).then([] { return absl::NotFoundError("no tea"); });
                test.run_for(absl::Seconds(2));
                EXPECT_THAT(rejected, IsRejected());
              }),
              IsEmpty());
}

TEST(PromiseTestTest, APromiseThatSomethingIsToSettleFailsTheTest) {
  const int line = __LINE__ + 1;
  const auto failures = failures_of([](auto&) { sleep(absl::Seconds(1)); });
  EXPECT_EQ(failures,
            std::vector{here(line) + " Failed\nthe promise made here has not settled at the end of the test"});
}

TEST(PromiseTestTest, APromiseThatWasForgottenFailsTheTest) {
  static Deferred<int>* forgotten = nullptr;
  const int line = __LINE__ + 1;
  const auto failures = failures_of([](auto&) { forgotten = new Deferred<int>; });
  EXPECT_EQ(failures,
            std::vector{here(line) + " Failed\nthe promise made here has not settled at the end of the test"});
  delete forgotten;
}

TEST(PromiseTestTest, EachPromiseThatHasNotSettledIsNamed) {
  EXPECT_EQ(failures_of([](auto&) { sleep(absl::Seconds(1)).then([] {}); }).size(), 2u);
}

TEST(PromiseTestTest, AHandleThatIsLeakedFailsTheTest) {
  static Promise<int>* leaked = nullptr;
  const int line = __LINE__ + 1;
  const auto failures = failures_of([](auto&) { leaked = new Promise<int>(5); });
  EXPECT_EQ(
      failures,
      std::vector{here(line) + " Failed\nthe promise made here is still there after the test: something has kept its "
                               "handle"});
  delete leaked;
}

TEST(PromiseTestTest, ALoopsHandleThatIsLeakedFailsTheTest) {
  static Handle leaked;
  const auto failures = failures_of([](auto& test) { leaked = test.loop.call_later(absl::Seconds(1), [] {}); });
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_THAT(failures[0], HasSubstr("the callback made here is still there"));
  leaked = Handle();
}

TEST(PromiseTestTest, ATestThatLeavesNothingPasses) {
  EXPECT_THAT(failures_of([](auto& test) {
                const Promise<> nap = sleep(absl::Seconds(1)).then([] {});
                test.run_for(absl::Seconds(1));
              }),
              IsEmpty());
}

TEST(PromiseTestTest, WhatWasCancelledIsNotPending) {
  EXPECT_THAT(failures_of([](auto&) { sleep(absl::Seconds(1)).then([] {}).cancel(); }), IsEmpty());
}

TEST(PromiseTestTest, ATestThatMeansToLeaveWorkClosesTheLoop) {
  EXPECT_THAT(failures_of([](auto& test) {
                sleep(absl::Seconds(10)).then([] {});
                test.run_for(absl::Seconds(1));
                test.loop.close();
              }),
              IsEmpty());
}

TEST(PromiseTestTest, GivesTheHandlerOfRejectionsBack) {
  int calls = 0;
  on_unhandled_rejection([&](const absl::Status&, SourceLocation) { ++calls; });
  failures_of([](auto&) {});
  {
    const EventLoop loop;
    reject<int>(absl::NotFoundError("no tea"));
  }
  EXPECT_EQ(calls, 1);
  on_unhandled_rejection(nullptr);
}

}  // namespace
}  // namespace vow
