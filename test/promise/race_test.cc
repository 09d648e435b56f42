#include "promise/race.h"

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

using RaceOfRangeTest = LoopTest;
using RaceOfPackTest = LoopTest;
using RaceWithdrawalTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

Promise<int> after(int seconds, int value) {
  return sleep(absl::Seconds(seconds)).then([value] { return value; });
}
Promise<int> fails_after(int seconds) {
  return sleep(absl::Seconds(seconds)).then([] { return reject<int>(error()); });
}

struct NoDefault {
  explicit NoDefault(int number) : x(number) {}
  int x;
};

TEST_F(RaceOfRangeTest, GivesTheValueThatComesFirst) {
  Promise<int> first = race(std::vector{after(3, 1), after(1, 2), after(2, 3)});
  run();
  EXPECT_EQ(first.value(), 2);
}

TEST_F(RaceOfRangeTest, IsRejectedByAnErrorThatComesFirst) {
  Promise<int> first = race({after(2, 5), fails_after(1)});
  run();
  EXPECT_EQ(first.status(), error());
}

TEST_F(RaceOfRangeTest, GivesTheFirstInWhateverOrderTheInputsSettle) {
  std::vector<int> order = {0, 1, 2, 3};
  do {
    Deferred<int> inputs[4];
    Promise<int> first = race({inputs[0].promise(), inputs[1].promise(), inputs[2].promise(), inputs[3].promise()});
    for (int i : order) {
      poll();
      inputs[i].resolve(i);
    }
    poll();
    EXPECT_EQ(first.value(), order[0]);
  } while (std::next_permutation(order.begin(), order.end()));
}

// folly 88
TEST_F(RaceOfRangeTest, GivesTheLowestIndexOfTheSettled) {
  Promise<int> second = resolve(2);
  Promise<int> first = race({resolve(1), second, reject<int>(error())});
  run();
  EXPECT_EQ(first.value(), 1);
}

TEST_F(RaceOfRangeTest, IsRejectedByTheLowestIndexOfTheSettled) {
  Promise<int> second = resolve(2);
  Promise<int> first = race({reject<int>(error()), second});
  run();
  EXPECT_EQ(first.status(), error());
}

// KJ 18
TEST_F(RaceOfRangeTest, OfTwoThatSettleInOneTurnGivesTheOneThatSettledFirst) {
  Deferred<int> inputs[2];
  race({inputs[0].promise(), inputs[1].promise()}).then([this](int x) { log.add(x); });
  inputs[1].resolve(1);
  inputs[0].resolve(0);
  run();
  EXPECT_EQ(log.str(), "1");
}

// KJ 18
TEST_F(RaceOfRangeTest, OfTwoTimersOfOneInstantGivesTheOneThatWasSetFirst) {
  Promise<int> set_first = after(1, 1);
  Promise<int> first = race({after(1, 2), set_first});
  run();
  EXPECT_EQ(first.value(), 1);
}

TEST_F(RaceOfRangeTest, TakesAnInputThatIsSettledRightAfter) {
  Deferred<int> inputs[2];
  Promise<int> first = race({inputs[0].promise(), inputs[1].promise()});
  inputs[1].resolve(5);
  EXPECT_TRUE(first.is_pending());
  poll();
  EXPECT_EQ(first.value(), 5);
}

TEST_F(RaceOfRangeTest, OfSettledInputsTakesTwoTicks) {
  race({resolve(1), resolve(2)}).then(log.note("h"));
  resolve().then(log.note("1")).then(log.note("2")).then(log.note("3"));
  run();
  EXPECT_EQ(log.str(), "1 h 2 3");
}

TEST_F(RaceOfRangeTest, TakesARangeThatIsKeptAndLeavesItAsItIs) {
  const std::vector<Promise<int>> kept = {after(2, 1), after(1, 2)};
  Promise<int> first = race(kept);
  run();
  EXPECT_EQ(first.value(), 2);
  EXPECT_EQ(kept[1].value(), 2);
}

TEST_F(RaceOfRangeTest, TakesOtherContainers) {
  Promise<int> array[] = {resolve(1), resolve(2)};
  Promise<int> of_array = race(array);
  Promise<int> of_std_array = race(std::array{resolve(3), reject<int>(error())});
  Promise<int> of_list = race(std::list<Promise<int>>{resolve(4)});
  Promise<int> of_deque = race(std::deque<Promise<int>>{resolve(5)});
  run();
  EXPECT_THAT((std::vector{of_array.value(), of_std_array.value(), of_list.value(), of_deque.value()}),
              ElementsAre(1, 3, 4, 5));
}

// asyncio 108: JavaScript's would be pending for ever, which nobody wants.
TEST_F(RaceOfRangeTest, OfNoneIsRejected) {
  Promise<int> first = race(std::vector<Promise<int>>());
  EXPECT_EQ(first.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RaceOfRangeTest, OfOneGivesItsValue) {
  Promise<int> first = race({after(1, 5)});
  run();
  EXPECT_EQ(first.value(), 5);
}

TEST_F(RaceOfRangeTest, OfManyGivesTheQuickest) {
  std::vector<Promise<int>> promises;
  for (int i = 0; i < 1000; ++i) promises.push_back(after(1 + (i + 211) % 1000, i));
  Promise<int> first = race(std::move(promises));
  run();
  EXPECT_EQ(first.value(), 789);
}

// asyncio 107: a promise that is given twice stands for two inputs, with one outcome.
TEST_F(RaceOfRangeTest, TakesTheSamePromiseTwice) {
  Deferred<int> input;
  Promise<int> first = race({input.promise(), input.promise()});
  input.resolve(5);
  run();
  EXPECT_EQ(first.value(), 5);
}

TEST_F(RaceOfRangeTest, OfPromisesOfNothingIsAPromiseOfNothing) {
  Promise<> first = race({sleep(absl::Hours(2)), sleep(absl::Hours(1))});
  run();
  EXPECT_TRUE(first.is_fulfilled());
}

// KJ 20, folly 87
TEST_F(RaceOfRangeTest, GivesAValueThatCannotBeCopied) {
  std::vector<Promise<std::unique_ptr<int>>> promises;
  promises.push_back(make_promise<std::unique_ptr<int>>([](auto d) { d.resolve(std::make_unique<int>(5)); }));
  promises.push_back(resolve(std::make_unique<int>(6)));
  Promise<std::unique_ptr<int>> first = race(std::move(promises));
  run();
  EXPECT_EQ(*first.value(), 5);
}

// folly 87
TEST_F(RaceOfRangeTest, GivesAValueThatHasNoDefault) {
  Promise<NoDefault> first = race({resolve(NoDefault(5)), resolve(NoDefault(6))});
  run();
  EXPECT_EQ(first.value().x, 5);
}

TEST_F(RaceOfRangeTest, MovesTheValueThatNobodyElseCanSee) {
  ProbeCounts counts;
  std::vector<Promise<Probe>> promises;
  promises.push_back(resolve(Probe(counts)));
  Promise<Probe> first = race(std::move(promises));
  run();
  EXPECT_EQ(counts.copies, 0);
  EXPECT_TRUE(first.value().is_whole());
}

TEST_F(RaceOfRangeTest, CopiesTheValueThatSomebodyElseCanSee) {
  ProbeCounts counts;
  const Promise<Probe> kept = resolve(Probe(counts));
  Promise<Probe> first = race({kept});
  run();
  EXPECT_EQ(counts.copies, 1);
  EXPECT_TRUE(kept.value().is_whole());
  EXPECT_TRUE(first.value().is_whole());
}

TEST_F(RaceOfRangeTest, AlignsAValueThatAsksForIt) {
  struct alignas(64) Aligned {
    char text[64] = "";
  };
  // Many, for one block may be aligned by chance.
  std::vector<Promise<Aligned>> firsts;
  for (int i = 0; i < 10; ++i) firsts.push_back(race({resolve(Aligned())}));
  run();
  for (const Promise<Aligned>& first : firsts) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&first.value()) % 64, 0u);
}

#ifdef __cpp_exceptions
struct Fragile {
  Fragile() = default;
  Fragile(const Fragile&) { throw absl::DataLossError("copy"); }
  Fragile(Fragile&&) = default;
};

TEST_F(RaceOfRangeTest, IsRejectedByACopyThatThrows) {
  const Promise<Fragile> kept = resolve(Fragile());
  Promise<Fragile> first = race({kept});
  run();
  EXPECT_EQ(first.status(), absl::DataLossError("copy"));
}

TEST_F(RaceOfPackTest, IsRejectedByACopyThatThrows) {
  const Promise<Fragile> kept = resolve(Fragile());
  Promise<std::variant<Fragile, int>> first = race(kept, resolve(5));
  run();
  EXPECT_EQ(first.status(), absl::DataLossError("copy"));
}
#endif

TEST_F(RaceWithdrawalTest, CancelsTheInputsThatNobodyElseHolds) {
  Deferred<int> winner, loser;
  loser.on_cancel(log.note("cancelled"));
  Promise<int> first = race({loser.promise(), winner.promise()});
  winner.resolve(5);
  run();
  EXPECT_EQ(log.str(), "cancelled");
}

TEST_F(RaceWithdrawalTest, CancelsTheOthersAfterAnError) {
  Deferred<int> failing, loser;
  loser.on_cancel(log.note("cancelled"));
  Promise<int> first = race({loser.promise(), failing.promise()});
  failing.reject(error());
  run();
  EXPECT_EQ(log.str(), "cancelled");
}

// KJ 17
TEST_F(RaceWithdrawalTest, DestroysTheCallbacksOfTheLosersBeforeAnythingElseRuns) {
  Deferred<int> winner, loser;
  std::vector<Promise<int>> promises;
  promises.push_back(winner.promise());
  promises.push_back(loser.promise().then([end = log.at_end("destroyed")](int x) { return x; }));
  race(std::move(promises)).then(log.note("consumer"));
  winner.resolve(5);
  run();
  EXPECT_EQ(log.str(), "destroyed consumer");
}

TEST_F(RaceWithdrawalTest, TakesTimersAway) {
  Deferred<int> winner;
  Promise<int> first = race({after(1, 1), winner.promise()});
  winner.resolve(5);
  poll();
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(RaceWithdrawalTest, LetsAnInputGoOnThatSomebodyElseHolds) {
  const Promise<int> held = after(1, 1);
  Promise<int> first = race({held, resolve(5)});
  run();
  EXPECT_EQ(held.value(), 1);
}

TEST_F(RaceWithdrawalTest, LetsAnInputGoOnThatSomebodyElseWaitsFor) {
  std::vector<Promise<int>> promises = {after(1, 1), resolve(5)};
  promises[0].then(log.note("waited"));
  Promise<int> first = race(std::move(promises));
  run();
  EXPECT_EQ(log.str(), "waited");
}

TEST_F(RaceWithdrawalTest, CancelsAnInputThatWasGivenTwice) {
  Deferred<int> winner, loser;
  loser.on_cancel(log.note("cancelled"));
  Promise<int> first = race({loser.promise(), loser.promise(), winner.promise()});
  winner.resolve(5);
  run();
  EXPECT_EQ(log.str(), "cancelled");
}

TEST_F(RaceWithdrawalTest, ReachesTheInputsOfARaceThatLost) {
  Deferred<int> winner, loser;
  loser.on_cancel(log.note("cancelled"));
  Promise<int> first = race({race({loser.promise()}), winner.promise()});
  winner.resolve(5);
  run();
  EXPECT_EQ(log.str(), "cancelled");
}

TEST_F(RaceWithdrawalTest, OfACancelCancelsAllInputs) {
  Deferred<int> inputs[2];
  for (Deferred<int>& input : inputs) input.on_cancel([&](absl::Status why) { log.add(std::string(why.message())); });
  Promise<int> first = race({inputs[0].promise(), inputs[1].promise()});
  EXPECT_TRUE(first.cancel("enough"));
  run();
  EXPECT_EQ(log.str(), "enough enough");
  EXPECT_EQ(first.status(), absl::CancelledError("enough"));
}

TEST_F(RaceWithdrawalTest, OfACancelThatComesTooLateDoesNothing) {
  Promise<int> first = race({resolve(5)});
  poll();
  EXPECT_FALSE(first.cancel());
  EXPECT_EQ(first.value(), 5);
}

TEST_F(RaceWithdrawalTest, IsHeardByProducersBeforeConsumers) {
  Deferred<int> winner, loser;
  loser.on_cancel(log.note("producer"));
  race({winner.promise(), loser.promise()}).then(log.note("consumer"));
  winner.resolve(5);
  run();
  EXPECT_EQ(log.str(), "producer consumer");
}

TEST_F(RaceWithdrawalTest, LeavesLaterErrorsUnreported) {
  auto before = on_unhandled_rejection([&](const absl::Status&, SourceLocation) { log.add("reported"); });
  const std::vector<Promise<int>> held = {resolve(5), reject<int>(error()), fails_after(1)};
  Promise<int> first = race(held);
  run();
  on_unhandled_rejection(before);
  EXPECT_EQ(log.str(), "");
}

TEST_F(RaceOfRangeTest, IsRejectedWhenTheLoopCloses) {
  ProbeCounts counts;
  Promise<Probe> first = race({sleep(absl::Seconds(1)).then([p = Probe(counts)] { return p; })});
  poll();
  loop.close();
  EXPECT_EQ(first.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(RaceOfPackTest, GivesTheAlternativeOfTheFirst) {
  Promise<std::variant<int, std::string>> first = race(after(2, 5), after(1, 0).then([] { return std::string("t"); }));
  run();
  EXPECT_EQ(std::get<1>(first.value()), "t");
}

TEST_F(RaceOfPackTest, TellsTwoInputsOfOneTypeApart) {
  Promise<std::variant<int, int>> first = race(after(2, 5), after(1, 6));
  run();
  EXPECT_EQ(first.value().index(), 1u);
  EXPECT_EQ(std::get<1>(first.value()), 6);
}

TEST_F(RaceOfPackTest, HasAMonostateForAPromiseOfNothing) {
  Promise<std::variant<int, std::monostate>> first = race(after(2, 5), sleep(absl::Seconds(1)));
  run();
  EXPECT_EQ(first.value().index(), 1u);
}

// folly 87
TEST_F(RaceOfPackTest, GivesAValueThatHasNoCopyAndNoDefault) {
  Promise<std::variant<NoDefault, std::unique_ptr<int>>> first =
      race(after(1, 1).then([](int x) { return NoDefault(x); }), resolve(std::make_unique<int>(5)));
  run();
  EXPECT_EQ(*std::get<1>(first.value()), 5);
}

// folly 88
TEST_F(RaceOfPackTest, GivesTheLowestIndexOfTheSettled) {
  Deferred<> never;
  auto first = race(never.promise(), resolve(1), resolve(2));
  run();
  EXPECT_EQ(first.value().index(), 1u);
}

TEST_F(RaceOfPackTest, IsRejectedByAnErrorThatComesFirst) {
  auto first = race(sleep(absl::Seconds(2)), fails_after(1));
  run();
  EXPECT_EQ(first.status(), error());
}

TEST_F(RaceOfPackTest, OfSettledInputsTakesTwoTicks) {
  race(resolve(1), resolve()).then(log.note("h"));
  resolve().then(log.note("1")).then(log.note("2")).then(log.note("3"));
  run();
  EXPECT_EQ(log.str(), "1 h 2 3");
}

TEST_F(RaceOfPackTest, CancelsTheInputsThatNobodyElseHolds) {
  Deferred<> loser;
  loser.on_cancel(log.note("cancelled"));
  auto first = race(loser.promise(), resolve(5));
  run();
  EXPECT_EQ(log.str(), "cancelled");
}

TEST_F(RaceOfPackTest, IsRejectedWhenTheLoopCloses) {
  auto first = race(sleep(absl::Seconds(1)), after(2, 5));
  loop.close();
  EXPECT_EQ(first.status().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace vow
