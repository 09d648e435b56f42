#include "promise/when_all.h"

#include <algorithm>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
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

using WhenAllOfRangeTest = LoopTest;
using WhenAllOfPackTest = LoopTest;
using WhenAllWithdrawalTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

Promise<int> after(int seconds, int value) {
  return sleep(absl::Seconds(seconds)).then([value] { return value; });
}

struct NoDefault {
  explicit NoDefault(int number) : x(number) {}
  int x;
};

// asyncio 91
TEST_F(WhenAllOfRangeTest, GivesTheValuesInTheOrderOfTheInputs) {
  Promise<std::vector<int>> all = when_all(std::vector{after(3, 1), after(1, 2), after(2, 3)});
  run();
  EXPECT_THAT(all.value(), ElementsAre(1, 2, 3));
}

// asyncio 91
TEST_F(WhenAllOfRangeTest, GivesTheSameInWhateverOrderTheInputsSettle) {
  std::vector<int> order = {0, 1, 2, 3};
  do {
    Deferred<int> inputs[4];
    Promise<std::vector<int>> all =
        when_all({inputs[0].promise(), inputs[1].promise(), inputs[2].promise(), inputs[3].promise()});
    for (int i : order) {
      poll();
      EXPECT_TRUE(all.is_pending());
      inputs[i].resolve(i);
    }
    poll();
    EXPECT_THAT(all.value(), ElementsAre(0, 1, 2, 3));
  } while (std::next_permutation(order.begin(), order.end()));
}

// folly 88
TEST_F(WhenAllOfRangeTest, TakesSettledInputs) {
  Promise<std::vector<int>> all = when_all(std::vector{resolve(1), resolve(2)});
  EXPECT_TRUE(all.is_pending());
  run();
  EXPECT_THAT(all.value(), ElementsAre(1, 2));
}

TEST_F(WhenAllOfRangeTest, TakesAnInitializerList) {
  Promise<std::vector<int>> all = when_all({resolve(1), after(1, 2)});
  run();
  EXPECT_THAT(all.value(), ElementsAre(1, 2));
}

TEST_F(WhenAllOfRangeTest, TakesARangeThatIsKeptAndLeavesItAsItIs) {
  const std::vector<Promise<int>> kept = {after(1, 1), after(2, 2)};
  Promise<std::vector<int>> all = when_all(kept);
  run();
  EXPECT_THAT(all.value(), ElementsAre(1, 2));
  EXPECT_EQ(kept[0].value(), 1);
}

TEST_F(WhenAllOfRangeTest, TakesOtherContainers) {
  Promise<int> array[] = {resolve(1), resolve(2)};
  Promise<std::vector<int>> of_array = when_all(array);
  Promise<std::vector<int>> of_list = when_all(std::list<Promise<int>>{resolve(3)});
  Promise<std::vector<int>> of_deque = when_all(std::deque<Promise<int>>{resolve(4)});
  run();
  EXPECT_THAT(of_array.value(), ElementsAre(1, 2));
  EXPECT_THAT(of_list.value(), ElementsAre(3));
  EXPECT_THAT(of_deque.value(), ElementsAre(4));
}

// asyncio 96
TEST_F(WhenAllOfRangeTest, OfNoneIsFulfilled) {
  Promise<std::vector<int>> all = when_all(std::vector<Promise<int>>());
  EXPECT_TRUE(all.value().empty());
}

TEST_F(WhenAllOfRangeTest, OfNoPromisesOfNothingIsFulfilled) {
  Promise<> all = when_all(std::vector<Promise<>>());
  EXPECT_TRUE(all.is_fulfilled());
}

TEST_F(WhenAllOfRangeTest, OfPromisesOfNothingIsAPromiseOfNothing) {
  Promise<> all = when_all({sleep(absl::Seconds(2)), sleep(absl::Seconds(1))});
  run();
  EXPECT_TRUE(all.is_fulfilled());
}

TEST_F(WhenAllOfRangeTest, OfOneGivesItsValue) {
  Promise<std::vector<int>> all = when_all({after(1, 5)});
  run();
  EXPECT_THAT(all.value(), ElementsAre(5));
}

TEST_F(WhenAllOfRangeTest, OfManyGivesThemAll) {
  std::vector<Promise<int>> promises;
  std::vector<int> values;
  for (int i = 0; i < 1000; ++i) {
    promises.push_back(after((i * 7919) % 1000, i));
    values.push_back(i);
  }
  Promise<std::vector<int>> all = when_all(std::move(promises));
  run();
  EXPECT_EQ(all.value(), values);
}

// asyncio 97, asyncio 107: a promise that is given twice stands for two inputs, with one outcome.
TEST_F(WhenAllOfRangeTest, TakesTheSamePromiseTwice) {
  const Promise<int> p = after(1, 5);
  Promise<std::vector<int>> all = when_all({p, p, resolve(6), p});
  run();
  EXPECT_THAT(all.value(), ElementsAre(5, 5, 6, 5));
}

// folly 87
TEST_F(WhenAllOfRangeTest, GivesValuesThatHaveNoDefault) {
  Promise<std::vector<NoDefault>> all = when_all({resolve(NoDefault(1)), resolve(NoDefault(2))});
  run();
  EXPECT_EQ(all.value()[1].x, 2);
}

// folly 87
TEST_F(WhenAllOfRangeTest, GivesValuesThatCannotBeCopied) {
  std::vector<Promise<std::unique_ptr<int>>> promises;
  promises.push_back(resolve(std::make_unique<int>(5)));
  Promise<std::vector<std::unique_ptr<int>>> all = when_all(std::move(promises));
  run();
  EXPECT_EQ(*all.value()[0], 5);
}

TEST_F(WhenAllOfRangeTest, GivesBooleans) {
  Promise<std::vector<bool>> all = when_all({resolve(true), resolve(false)});
  run();
  EXPECT_THAT(all.value(), ElementsAre(true, false));
}

TEST_F(WhenAllOfRangeTest, MovesTheValuesThatNobodyElseCanSee) {
  ProbeCounts counts;
  std::vector<Promise<Probe>> promises;
  promises.push_back(resolve(Probe(counts)));
  Promise<std::vector<Probe>> all = when_all(std::move(promises));
  run();
  EXPECT_EQ(counts.copies, 0);
  EXPECT_TRUE(all.value()[0].is_whole());
}

TEST_F(WhenAllOfRangeTest, CopiesTheValuesThatSomebodyElseCanSee) {
  ProbeCounts counts;
  const std::vector<Promise<Probe>> kept = {resolve(Probe(counts))};
  Promise<std::vector<Probe>> all = when_all(kept);
  run();
  EXPECT_EQ(counts.copies, 1);
  EXPECT_TRUE(kept[0].value().is_whole());
  EXPECT_TRUE(all.value()[0].is_whole());
}

// asyncio 92, KJ 22
TEST_F(WhenAllOfRangeTest, IsRejectedByTheFirstErrorAtOnce) {
  Deferred<int> never, failing;
  Promise<std::vector<int>> all = when_all({never.promise(), failing.promise(), resolve(5)});
  failing.reject(error());
  run();
  EXPECT_EQ(all.status(), error());
}

TEST_F(WhenAllOfRangeTest, KeepsTheErrorThatCameFirst) {
  Deferred<int> first, second;
  Promise<std::vector<int>> all = when_all({first.promise(), second.promise()});
  second.reject(error());
  first.reject(absl::AbortedError("too late"));
  run();
  EXPECT_EQ(all.status(), error());
}

// asyncio 94
TEST_F(WhenAllOfRangeTest, IsRejectedByAnErrorThatCameJustBeforeTheLastValue) {
  Deferred<int> value, failing;
  Promise<std::vector<int>> all = when_all({value.promise(), failing.promise()});
  failing.reject(error());
  value.resolve(5);
  run();
  EXPECT_EQ(all.status(), error());
}

TEST_F(WhenAllOfRangeTest, IsRejectedByAnErrorInTheTurnOfTheLastValue) {
  Deferred<int> value, failing;
  Promise<std::vector<int>> all = when_all({value.promise(), failing.promise()});
  value.resolve(5);
  failing.reject(error());
  run();
  EXPECT_EQ(all.status(), error());
}

// asyncio 93
TEST_F(WhenAllOfRangeTest, LeavesLaterErrorsUnreported) {
  auto before = on_unhandled_rejection([&](const absl::Status&, SourceLocation) { log.add("reported"); });
  Deferred<int> late;
  const std::vector<Promise<int>> held = {late.promise(), reject<int>(error()), reject<int>(error())};
  when_all(held).then([] {}, [] {});
  run();
  late.reject(error());
  run();
  on_unhandled_rejection(before);
  EXPECT_EQ(log.str(), "");
}

// asyncio 92: if somebody else holds them.
TEST_F(WhenAllOfRangeTest, LetsTheOtherInputsGoOnAfterAnError) {
  Promise<int> other = after(2, 5).then([&](int x) {
    log.add(x);
    return x;
  });
  Promise<std::vector<int>> all = when_all({other, sleep(absl::Seconds(1)).then([] { return reject<int>(error()); })});
  run();
  EXPECT_EQ(log.str(), "5");
  EXPECT_EQ(all.status(), error());
  EXPECT_EQ(other.value(), 5);
}

TEST_F(WhenAllOfRangeTest, DropsTheValuesThatWereThereWhenTheErrorCame) {
  ProbeCounts counts;
  Deferred<Probe> failing;
  Promise<std::vector<Probe>> all = when_all({resolve(Probe(counts)), failing.promise()});
  failing.reject(error());
  run();
  EXPECT_TRUE(all.is_rejected());
  EXPECT_EQ(counts.live, 0);
}

// asyncio 92
TEST_F(WhenAllOfRangeTest, DropsTheValuesThatComeAfterTheError) {
  ProbeCounts counts;
  Deferred<Probe> late;
  Promise<std::vector<Probe>> all = when_all({late.promise(), reject<Probe>(error())});
  run();
  late.resolve(Probe(counts));
  { Deferred<Probe> dropped = std::move(late); }
  run();
  EXPECT_TRUE(all.is_rejected());
  EXPECT_EQ(counts.live, 0);
}

// KJ 22
TEST_F(WhenAllWithdrawalTest, CancelsTheOtherInputsAfterAnError) {
  Deferred<int> inputs[2];
  inputs[0].on_cancel(log.note("cancelled"));
  Promise<std::vector<int>> all = when_all({inputs[0].promise(), inputs[1].promise(), after(1, 5)});
  inputs[1].reject(error());
  poll();
  EXPECT_EQ(log.str(), "cancelled");
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(WhenAllWithdrawalTest, LetsAnInputGoOnThatSomebodyElseWaitsFor) {
  std::vector<Promise<>> promises = {sleep(absl::Seconds(1)), reject(error())};
  promises[0].then(log.note("waited"));
  Promise<> all = when_all(std::move(promises));
  run();
  EXPECT_EQ(log.str(), "waited");
}

// asyncio 98: nor does the cancel reach the others as such; they are not needed any more.
TEST_F(WhenAllWithdrawalTest, OfOneInputBySomebodyElseIsAnErrorLikeAnyOther) {
  Deferred<> other;
  other.on_cancel([&](absl::Status why) { log.add(why.message() == "enough"); });
  const Promise<> cancelled = sleep(absl::Seconds(1));
  Promise<> all = when_all({cancelled, other.promise()});
  cancelled.cancel("enough");
  run();
  EXPECT_EQ(all.status(), absl::CancelledError("enough"));
  EXPECT_EQ(log.str(), "0");
}

// asyncio 99
TEST_F(WhenAllWithdrawalTest, OfACancelCancelsTheInputsThatHaveNotSettled) {
  Deferred<int> inputs[3];
  for (Deferred<int>& input : inputs) input.on_cancel([&](absl::Status why) { log.add(std::string(why.message())); });
  Promise<std::vector<int>> all = when_all({inputs[0].promise(), inputs[1].promise(), inputs[2].promise()});
  inputs[1].resolve(5);
  poll();
  EXPECT_TRUE(all.cancel("enough"));
  run();
  EXPECT_EQ(log.str(), "enough enough");
  EXPECT_EQ(all.status(), absl::CancelledError("enough"));
}

// asyncio 100
TEST_F(WhenAllWithdrawalTest, OfACancelThatComesTooLateDoesNothing) {
  Promise<std::vector<int>> all = when_all({resolve(1), resolve(2)});
  poll();
  EXPECT_FALSE(all.cancel());
  EXPECT_THAT(all.value(), ElementsAre(1, 2));
}

TEST_F(WhenAllWithdrawalTest, IsHeardByProducersBeforeConsumers) {
  Deferred<> input;
  input.on_cancel(log.note("producer"));
  Promise<> all = when_all({input.promise(), reject(error())});
  all.catch_(log.note("consumer"));
  run();
  EXPECT_EQ(log.str(), "producer consumer");
}

TEST_F(WhenAllOfRangeTest, CallsBackWithNobodyHoldingIt) {
  when_all({after(1, 1), after(2, 2)}).then([&](const std::vector<int>& values) {
    for (int x : values) log.add(x);
  });
  run();
  EXPECT_EQ(log.str(), "1 2");
}

TEST_F(WhenAllOfRangeTest, DroppedLetsItsInputsGoOn) {
  { when_all({sleep(absl::Seconds(1)).then(log.note("a")), sleep(absl::Seconds(2)).then(log.note("b"))}); }
  run();
  EXPECT_EQ(log.str(), "a b");
}

TEST_F(WhenAllOfRangeTest, OfBrokenPromisesIsRejected) {
  std::optional<Deferred<int>> dropped(std::in_place);
  Promise<std::vector<int>> all = when_all({dropped->promise(), resolve(5)});
  dropped.reset();
  run();
  EXPECT_EQ(all.status().code(), absl::StatusCode::kAborted);
}

TEST_F(WhenAllOfRangeTest, IsRejectedWhenTheLoopCloses) {
  ProbeCounts counts;
  Promise<std::vector<Probe>> all =
      when_all({resolve(Probe(counts)), sleep(absl::Seconds(1)).then([&] { return Probe(counts); })});
  poll();
  loop.close();
  EXPECT_EQ(all.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(WhenAllOfPackTest, GivesATupleInTheOrderOfTheInputs) {
  Promise<std::tuple<int, std::string>> all =
      when_all(after(2, 5), after(1, 0).then([] { return std::string("text"); }));
  run();
  EXPECT_EQ(all.value(), std::tuple(5, "text"));
}

TEST_F(WhenAllOfPackTest, HasAMonostateForAPromiseOfNothing) {
  Promise<std::tuple<std::monostate, int, std::monostate>> all =
      when_all(sleep(absl::Seconds(1)), resolve(5), resolve());
  run();
  EXPECT_EQ(std::get<1>(all.value()), 5);
}

TEST_F(WhenAllOfPackTest, OfOneGivesATupleOfOne) {
  Promise<std::tuple<int>> all = when_all(after(1, 5));
  run();
  EXPECT_EQ(std::get<0>(all.value()), 5);
}

TEST_F(WhenAllOfPackTest, TakesTheSamePromiseTwice) {
  const Promise<int> p = after(1, 5);
  Promise<std::tuple<int, int>> all = when_all(p, p);
  run();
  EXPECT_EQ(all.value(), std::tuple(5, 5));
}

// folly 87, folly 88
TEST_F(WhenAllOfPackTest, GivesValuesThatHaveNoCopyAndNoDefault) {
  Promise<std::tuple<std::unique_ptr<int>, NoDefault>> all =
      when_all(resolve(std::make_unique<int>(5)), resolve(NoDefault(6)));
  run();
  EXPECT_EQ(*std::get<0>(all.value()), 5);
  EXPECT_EQ(std::get<1>(all.value()).x, 6);
}

TEST_F(WhenAllOfPackTest, MovesWhatNobodyElseCanSeeAndCopiesTheRest) {
  ProbeCounts given, kept;
  const Promise<Probe> p = resolve(Probe(kept));
  Promise<std::tuple<Probe, Probe>> all = when_all(resolve(Probe(given)), p);
  run();
  EXPECT_EQ(given.copies, 0);
  EXPECT_EQ(kept.copies, 1);
  EXPECT_TRUE(p.value().is_whole());
}

TEST_F(WhenAllOfPackTest, IsRejectedByTheFirstErrorAtOnce) {
  Deferred<> never;
  Promise<std::tuple<std::monostate, int>> all = when_all(never.promise(), reject<int>(error()));
  run();
  EXPECT_EQ(all.status(), error());
}

TEST_F(WhenAllOfPackTest, DropsTheOutcomesOfTheOthersAfterAnError) {
  ProbeCounts counts;
  Deferred<int> late;
  auto all = when_all(resolve(Probe(counts)), late.promise(), reject(error()));
  run();
  late.reject(absl::AbortedError("too late"));
  run();
  EXPECT_EQ(all.status(), error());
  EXPECT_EQ(counts.live, 0);
}

TEST_F(WhenAllOfPackTest, CancelsTheOtherInputsAfterAnError) {
  Deferred<> other;
  other.on_cancel(log.note("cancelled"));
  auto all = when_all(other.promise(), reject<int>(error()));
  run();
  EXPECT_EQ(log.str(), "cancelled");
}

TEST_F(WhenAllOfPackTest, IsRejectedWhenTheLoopCloses) {
  auto all = when_all(sleep(absl::Seconds(1)), resolve(5));
  loop.close();
  EXPECT_EQ(all.status().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace vow
