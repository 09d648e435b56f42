#include "promise/when_any.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "promise/unhandled_rejection.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using testing::ElementsAre;

using WhenAnyOfRangeTest = LoopTest;
using WhenAnyOfPackTest = LoopTest;
using WhenAnyWithdrawalTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

Promise<int> after(int seconds, int value) {
  return sleep(absl::Seconds(seconds)).then([value] { return value; });
}
Promise<int> fails_after(int seconds, absl::Status why = error()) {
  return sleep(absl::Seconds(seconds)).then([why] { return reject<int>(why); });
}

struct NoDefault {
  explicit NoDefault(int number) : x(number) {}
  int x;
};

TEST_F(WhenAnyOfRangeTest, GivesTheFirstFulfilledValue) {
  Promise<int> any = when_any(std::vector{after(3, 1), after(1, 2), after(2, 3)});
  run();
  EXPECT_EQ(any.value(), 2);
}

TEST_F(WhenAnyOfRangeTest, GivesTheFirstInWhateverOrderTheInputsSettle) {
  std::vector<int> order = {0, 1, 2, 3};
  do {
    Deferred<int> inputs[4];
    Promise<int> any = when_any({inputs[0].promise(), inputs[1].promise(), inputs[2].promise(), inputs[3].promise()});
    inputs[order[0]].reject(error());
    for (int i : {order[1], order[2], order[3]}) {
      poll();
      inputs[i].resolve(i);
    }
    poll();
    EXPECT_EQ(any.value(), order[1]);
  } while (std::next_permutation(order.begin(), order.end()));
}

// KJ 19
TEST_F(WhenAnyOfRangeTest, ForgetsTheErrorsBeforeTheFirstValue) {
  Promise<int> any = when_any({fails_after(1), reject<int>(error()), after(2, 5)});
  run();
  EXPECT_EQ(any.value(), 5);
}

// folly 88
TEST_F(WhenAnyOfRangeTest, GivesTheLowestIndexOfTheSettled) {
  Promise<int> second = resolve(2);
  Promise<int> any = when_any({reject<int>(error()), resolve(1), second});
  run();
  EXPECT_EQ(any.value(), 1);
}

// KJ 18
TEST_F(WhenAnyOfRangeTest, OfTwoThatSettleInOneTurnGivesTheOneThatSettledFirst) {
  Deferred<int> inputs[2];
  when_any({inputs[0].promise(), inputs[1].promise()}).then([this](int x) { log.add(x); });
  inputs[1].resolve(1);
  inputs[0].resolve(0);
  run();
  EXPECT_EQ(log.str(), "1");
}

TEST_F(WhenAnyOfRangeTest, TakesAnInputThatIsSettledRightAfter) {
  Deferred<int> inputs[2];
  Promise<int> any = when_any({inputs[0].promise(), inputs[1].promise()});
  inputs[1].resolve(5);
  EXPECT_TRUE(any.is_pending());
  poll();
  EXPECT_EQ(any.value(), 5);
}

TEST_F(WhenAnyOfRangeTest, OfSettledInputsTakesTwoTicks) {
  when_any({resolve(1), resolve(2)}).then(log.note("h"));
  resolve().then(log.note("1")).then(log.note("2")).then(log.note("3"));
  run();
  EXPECT_EQ(log.str(), "1 h 2 3");
}

TEST_F(WhenAnyOfRangeTest, OfRejectedInputsTakesTwoTicks) {
  when_any({reject<int>(error()), reject<int>(error())})
      .then([] { return 0; },
            [this] {
              log.add("h");
              return 0;
            });
  resolve().then(log.note("1")).then(log.note("2")).then(log.note("3"));
  run();
  EXPECT_EQ(log.str(), "1 h 2 3");
}

TEST_F(WhenAnyOfRangeTest, TakesARangeThatIsKeptAndLeavesItAsItIs) {
  const std::vector<Promise<int>> kept = {after(2, 1), after(1, 2)};
  Promise<int> any = when_any(kept);
  run();
  EXPECT_EQ(any.value(), 2);
  EXPECT_EQ(kept[1].value(), 2);
}

TEST_F(WhenAnyOfRangeTest, TakesOtherContainers) {
  Promise<int> array[] = {resolve(1), resolve(2)};
  Promise<int> of_array = when_any(array);
  Promise<int> of_std_array = when_any(std::array{reject<int>(error()), resolve(3)});
  Promise<int> of_list = when_any(std::list<Promise<int>>{resolve(4)});
  Promise<int> of_deque = when_any(std::deque<Promise<int>>{resolve(5)});
  run();
  EXPECT_THAT((std::vector{of_array.value(), of_std_array.value(), of_list.value(), of_deque.value()}),
              ElementsAre(1, 3, 4, 5));
}

// asyncio 108
TEST_F(WhenAnyOfRangeTest, OfNoneIsRejected) {
  Promise<int> any = when_any(std::vector<Promise<int>>());
  EXPECT_EQ(any.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(WhenAnyOfRangeTest, OfOneGivesItsValue) {
  Promise<int> any = when_any({after(1, 5)});
  run();
  EXPECT_EQ(any.value(), 5);
}

TEST_F(WhenAnyOfRangeTest, OfManyGivesTheOneThatIsFulfilled) {
  std::vector<Promise<int>> promises;
  for (int i = 0; i < 1000; ++i) promises.push_back(i == 789 ? after(2, i) : fails_after(i % 2));
  Promise<int> any = when_any(std::move(promises));
  run();
  EXPECT_EQ(any.value(), 789);
}

// asyncio 107: a promise that is given twice stands for two inputs, with one outcome.
TEST_F(WhenAnyOfRangeTest, TakesTheSamePromiseTwice) {
  const Promise<int> p = fails_after(1);
  Promise<int> any = when_any({p, p, p});
  run();
  EXPECT_THAT(when_any_errors(any.status()), ElementsAre(error(), error(), error()));
}

TEST_F(WhenAnyOfRangeTest, OfPromisesOfNothingIsAPromiseOfNothing) {
  Promise<> any = when_any({sleep(absl::Hours(2)), sleep(absl::Hours(1))});
  run();
  EXPECT_TRUE(any.is_fulfilled());
}

// folly 87
TEST_F(WhenAnyOfRangeTest, GivesAValueThatCannotBeCopied) {
  std::vector<Promise<std::unique_ptr<int>>> promises;
  promises.push_back(reject<std::unique_ptr<int>>(error()));
  promises.push_back(resolve(std::make_unique<int>(5)));
  Promise<std::unique_ptr<int>> any = when_any(std::move(promises));
  run();
  EXPECT_EQ(*any.value(), 5);
}

// folly 87
TEST_F(WhenAnyOfRangeTest, GivesAValueThatHasNoDefault) {
  Promise<NoDefault> any = when_any({resolve(NoDefault(5)), resolve(NoDefault(6))});
  run();
  EXPECT_EQ(any.value().x, 5);
}

TEST_F(WhenAnyOfRangeTest, MovesTheValueThatNobodyElseCanSee) {
  ProbeCounts counts;
  std::vector<Promise<Probe>> promises;
  promises.push_back(resolve(Probe(counts)));
  Promise<Probe> any = when_any(std::move(promises));
  run();
  EXPECT_EQ(counts.copies, 0);
  EXPECT_TRUE(any.value().is_whole());
}

TEST_F(WhenAnyOfRangeTest, CopiesTheValueThatSomebodyElseCanSee) {
  ProbeCounts counts;
  const Promise<Probe> kept = resolve(Probe(counts));
  Promise<Probe> any = when_any({kept});
  run();
  EXPECT_EQ(counts.copies, 1);
  EXPECT_TRUE(kept.value().is_whole());
  EXPECT_TRUE(any.value().is_whole());
}

TEST_F(WhenAnyOfRangeTest, DropsTheValuesThatCameTooLate) {
  ProbeCounts winner, loser;
  Deferred<Probe> inputs[2];
  Promise<Probe> any = when_any({inputs[0].promise(), inputs[1].promise()});
  inputs[1].resolve(Probe(winner));
  inputs[0].resolve(Probe(loser));
  { Deferred<Probe> dropped = std::move(inputs[0]); }
  run();
  EXPECT_EQ(loser.live, 0);
}

TEST_F(WhenAnyOfRangeTest, AlignsAValueThatAsksForIt) {
  struct alignas(64) Aligned {
    char text[64] = "";
  };
  // Many, for one block may be aligned by chance.
  std::vector<Promise<Aligned>> anys;
  for (int i = 0; i < 10; ++i) anys.push_back(when_any({resolve(Aligned())}));
  run();
  for (const Promise<Aligned>& any : anys) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&any.value()) % 64, 0u);
}

#ifdef __cpp_exceptions
struct Fragile {
  Fragile() = default;
  Fragile(const Fragile&) { throw absl::DataLossError("copy"); }
  Fragile(Fragile&&) = default;
};

TEST_F(WhenAnyOfRangeTest, IsRejectedByACopyThatThrows) {
  const Promise<Fragile> kept = resolve(Fragile());
  Promise<Fragile> any = when_any({kept});
  run();
  EXPECT_EQ(any.status(), absl::DataLossError("copy"));
}
#endif

TEST_F(WhenAnyOfRangeTest, IsPendingWhileOneInputMayStillCome) {
  Deferred<int> never;
  Promise<int> any = when_any({reject<int>(error()), never.promise()});
  run();
  EXPECT_TRUE(any.is_pending());
}

TEST_F(WhenAnyWithdrawalTest, CancelsTheInputsThatNobodyElseHolds) {
  Deferred<int> winner, loser;
  loser.on_cancel(log.note("cancelled"));
  Promise<int> any = when_any({loser.promise(), winner.promise()});
  winner.resolve(5);
  run();
  EXPECT_EQ(log.str(), "cancelled");
}

TEST_F(WhenAnyWithdrawalTest, TakesTimersAway) {
  Deferred<int> winner;
  Promise<int> any = when_any({after(1, 1), winner.promise()});
  winner.resolve(5);
  poll();
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(WhenAnyWithdrawalTest, LetsAnInputGoOnThatSomebodyElseHolds) {
  const Promise<int> held = after(1, 1);
  Promise<int> any = when_any({held, resolve(5)});
  run();
  EXPECT_EQ(held.value(), 1);
}

TEST_F(WhenAnyWithdrawalTest, LetsAnInputGoOnThatSomebodyElseWaitsFor) {
  std::vector<Promise<int>> promises = {after(1, 1), resolve(5)};
  promises[0].then(log.note("waited"));
  Promise<int> any = when_any(std::move(promises));
  run();
  EXPECT_EQ(log.str(), "waited");
}

TEST_F(WhenAnyWithdrawalTest, OfACancelCancelsAllInputs) {
  Deferred<int> inputs[2];
  for (Deferred<int>& input : inputs) input.on_cancel([&](absl::Status why) { log.add(std::string(why.message())); });
  Promise<int> any = when_any({inputs[0].promise(), inputs[1].promise()});
  EXPECT_TRUE(any.cancel("enough"));
  run();
  EXPECT_EQ(log.str(), "enough enough");
  EXPECT_EQ(any.status(), absl::CancelledError("enough"));
}

TEST_F(WhenAnyWithdrawalTest, OfACancelThatComesTooLateDoesNothing) {
  Promise<int> any = when_any({resolve(5)});
  poll();
  EXPECT_FALSE(any.cancel());
  EXPECT_EQ(any.value(), 5);
}

TEST_F(WhenAnyWithdrawalTest, IsHeardByProducersBeforeConsumers) {
  Deferred<int> winner, loser;
  loser.on_cancel(log.note("producer"));
  when_any({winner.promise(), loser.promise()}).then(log.note("consumer"));
  winner.resolve(5);
  run();
  EXPECT_EQ(log.str(), "producer consumer");
}

// A cancelled input is one that is rejected.
TEST_F(WhenAnyWithdrawalTest, OfOneInputBySomebodyElseLeavesTheOthers) {
  const Promise<int> cancelled = after(1, 1);
  Promise<int> any = when_any({cancelled, after(2, 2)});
  cancelled.cancel();
  run();
  EXPECT_EQ(any.value(), 2);
}

// KJ 19
TEST_F(WhenAnyWithdrawalTest, LeavesLaterErrorsUnreported) {
  auto before = on_unhandled_rejection([&](const absl::Status&, SourceLocation) { log.add("reported"); });
  const std::vector<Promise<int>> held = {reject<int>(error()), resolve(5), fails_after(1)};
  Promise<int> any = when_any(held);
  run();
  on_unhandled_rejection(before);
  EXPECT_EQ(log.str(), "");
}

TEST_F(WhenAnyOfRangeTest, IsRejectedWhenTheLoopCloses) {
  ProbeCounts counts;
  Promise<Probe> any =
      when_any({reject<Probe>(error()), sleep(absl::Seconds(1)).then([p = Probe(counts)] { return p; })});
  poll();
  loop.close();
  EXPECT_EQ(any.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(WhenAnyOfPackTest, GivesTheAlternativeOfTheFirstFulfilled) {
  Promise<std::variant<int, std::string>> any =
      when_any(after(2, 5), after(1, 0).then([] { return std::string("t"); }));
  run();
  EXPECT_EQ(std::get<1>(any.value()), "t");
}

TEST_F(WhenAnyOfPackTest, TellsTwoInputsOfOneTypeApart) {
  Promise<std::variant<int, int>> any = when_any(after(2, 5), after(1, 6));
  run();
  EXPECT_EQ(any.value().index(), 1u);
  EXPECT_EQ(std::get<1>(any.value()), 6);
}

TEST_F(WhenAnyOfPackTest, HasAMonostateForAPromiseOfNothing) {
  Promise<std::variant<int, std::monostate>> any = when_any(after(2, 5), sleep(absl::Seconds(1)));
  run();
  EXPECT_EQ(any.value().index(), 1u);
}

// folly 87
TEST_F(WhenAnyOfPackTest, GivesAValueThatHasNoCopyAndNoDefault) {
  Promise<std::variant<NoDefault, std::unique_ptr<int>>> any =
      when_any(reject<NoDefault>(error()), resolve(std::make_unique<int>(5)));
  run();
  EXPECT_EQ(*std::get<1>(any.value()), 5);
}

// folly 88
TEST_F(WhenAnyOfPackTest, GivesTheLowestIndexOfTheSettled) {
  Promise<std::variant<std::string, int, int>> any = when_any(reject<std::string>(error()), resolve(1), resolve(2));
  run();
  EXPECT_EQ(any.value().index(), 1u);
}

TEST_F(WhenAnyOfPackTest, OfSettledInputsTakesTwoTicks) {
  when_any(resolve(1), resolve()).then(log.note("h"));
  resolve().then(log.note("1")).then(log.note("2")).then(log.note("3"));
  run();
  EXPECT_EQ(log.str(), "1 h 2 3");
}

TEST_F(WhenAnyOfPackTest, IsRejectedWithAllErrors) {
  Promise<std::variant<int, std::monostate>> any = when_any(fails_after(1), reject(absl::AbortedError("a")));
  run();
  EXPECT_THAT(when_any_errors(any.status()), ElementsAre(error(), absl::AbortedError("a")));
}

TEST_F(WhenAnyOfPackTest, CancelsTheInputsThatNobodyElseHolds) {
  Deferred<> loser;
  loser.on_cancel(log.note("cancelled"));
  auto any = when_any(loser.promise(), resolve(5));
  run();
  EXPECT_EQ(log.str(), "cancelled");
}

TEST_F(WhenAnyOfPackTest, IsRejectedWhenTheLoopCloses) {
  auto any = when_any(sleep(absl::Seconds(1)), reject<int>(error()));
  loop.close();
  EXPECT_EQ(any.status().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace vow
