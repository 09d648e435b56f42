#include "promise/all_settled.h"

#include <algorithm>
#include <array>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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

using AllSettledOfRangeTest = LoopTest;
using AllSettledOfPackTest = LoopTest;
using AllSettledWithdrawalTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

Promise<int> after(int seconds, int value) {
  return sleep(absl::Seconds(seconds)).then([value] { return value; });
}
Promise<int> fails_after(int seconds) {
  return sleep(absl::Seconds(seconds)).then([] { return reject<int>(error()); });
}

using Outcomes = std::vector<absl::StatusOr<int>>;

struct NoDefault {
  explicit NoDefault(int number) : x(number) {}
  int x;
};

// asyncio 91, asyncio 102
TEST_F(AllSettledOfRangeTest, GivesTheOutcomesInTheOrderOfTheInputs) {
  Promise<Outcomes> all = all_settled(std::vector{after(3, 1), after(1, 2), after(2, 3)});
  run();
  EXPECT_EQ(all.value(), (Outcomes{1, 2, 3}));
}

// asyncio 95, asyncio 106
TEST_F(AllSettledOfRangeTest, GivesErrorsInTheirPlaces) {
  Promise<Outcomes> all = all_settled({after(3, 1), fails_after(1), after(2, 3), reject<int>(absl::AbortedError("a"))});
  run();
  EXPECT_EQ(all.value(), (Outcomes{1, error(), 3, absl::AbortedError("a")}));
}

// KJ 21: when_all does not wait for the rest; who wants that, asks for all outcomes.
TEST_F(AllSettledOfRangeTest, WaitsForTheOthersAfterAnError) {
  Deferred<int> slow;
  Promise<Outcomes> all = all_settled({reject<int>(error()), slow.promise()});
  run();
  EXPECT_TRUE(all.is_pending());
  slow.resolve(5);
  run();
  EXPECT_EQ(all.value(), (Outcomes{error(), 5}));
}

TEST_F(AllSettledOfRangeTest, GivesTheSameInWhateverOrderTheInputsSettle) {
  std::vector<int> order = {0, 1, 2, 3};
  do {
    Deferred<int> inputs[4];
    Promise<Outcomes> all =
        all_settled({inputs[0].promise(), inputs[1].promise(), inputs[2].promise(), inputs[3].promise()});
    for (int i : order) {
      poll();
      EXPECT_TRUE(all.is_pending());
      i == 2 ? inputs[i].reject(error()) : inputs[i].resolve(i);
    }
    poll();
    EXPECT_EQ(all.value(), (Outcomes{0, 1, error(), 3}));
  } while (std::next_permutation(order.begin(), order.end()));
}

// folly 88
TEST_F(AllSettledOfRangeTest, TakesSettledInputs) {
  Promise<Outcomes> all = all_settled({resolve(1), reject<int>(error())});
  EXPECT_TRUE(all.is_pending());
  poll();
  EXPECT_EQ(all.value(), (Outcomes{1, error()}));
}

TEST_F(AllSettledOfRangeTest, TakesInputsThatAreSettledRightAfter) {
  Deferred<int> inputs[2];
  Promise<Outcomes> all = all_settled({inputs[0].promise(), inputs[1].promise()});
  inputs[1].resolve(2);
  inputs[0].reject(error());
  poll();
  EXPECT_EQ(all.value(), (Outcomes{error(), 2}));
}

TEST_F(AllSettledOfRangeTest, OfSettledInputsTakesTwoTicks) {
  all_settled({resolve(1), reject<int>(error())}).then(log.note("h"));
  resolve().then(log.note("1")).then(log.note("2")).then(log.note("3"));
  run();
  EXPECT_EQ(log.str(), "1 h 2 3");
}

TEST_F(AllSettledOfRangeTest, OfNoneTakesOneTick) {
  all_settled(std::vector<Promise<int>>()).then(log.note("h"));
  resolve().then(log.note("1")).then(log.note("2"));
  run();
  EXPECT_EQ(log.str(), "h 1 2");
}

TEST_F(AllSettledOfRangeTest, TakesARangeThatIsKeptAndLeavesItAsItIs) {
  const std::vector<Promise<int>> kept = {after(2, 1), fails_after(1)};
  Promise<Outcomes> all = all_settled(kept);
  run();
  EXPECT_EQ(all.value(), (Outcomes{1, error()}));
  EXPECT_EQ(kept[0].value(), 1);
  EXPECT_EQ(kept[1].status(), error());
}

TEST_F(AllSettledOfRangeTest, TakesOtherContainers) {
  Promise<int> array[] = {resolve(1), reject<int>(error())};
  Promise<Outcomes> of_array = all_settled(array);
  Promise<Outcomes> of_std_array = all_settled(std::array{resolve(2), resolve(3)});
  Promise<Outcomes> of_list = all_settled(std::list<Promise<int>>{resolve(4)});
  Promise<Outcomes> of_deque = all_settled(std::deque<Promise<int>>{resolve(5)});
  run();
  EXPECT_EQ(of_array.value(), (Outcomes{1, error()}));
  EXPECT_EQ(of_std_array.value(), (Outcomes{2, 3}));
  EXPECT_EQ(of_list.value(), (Outcomes{4}));
  EXPECT_EQ(of_deque.value(), (Outcomes{5}));
}

// asyncio 96
TEST_F(AllSettledOfRangeTest, OfNoneIsFulfilled) {
  Promise<Outcomes> all = all_settled(std::vector<Promise<int>>());
  EXPECT_TRUE(all.value().empty());
}

TEST_F(AllSettledOfRangeTest, OfOneGivesItsOutcome) {
  Promise<Outcomes> all = all_settled({fails_after(1)});
  run();
  EXPECT_EQ(all.value(), (Outcomes{error()}));
}

TEST_F(AllSettledOfRangeTest, OfManyGivesThemAll) {
  std::vector<Promise<int>> promises;
  Outcomes outcomes;
  for (int i = 0; i < 1000; ++i) {
    const bool fails = i % 3 == 0;
    promises.push_back(fails ? fails_after((i * 7919) % 1000) : after((i * 7919) % 1000, i));
    outcomes.push_back(fails ? absl::StatusOr<int>(error()) : i);
  }
  Promise<Outcomes> all = all_settled(std::move(promises));
  run();
  EXPECT_EQ(all.value(), outcomes);
}

// asyncio 97, asyncio 107: a promise that is given twice stands for two inputs, with one outcome.
TEST_F(AllSettledOfRangeTest, TakesTheSamePromiseTwice) {
  const Promise<int> value = after(1, 5), failure = fails_after(1);
  Promise<Outcomes> all = all_settled({value, failure, failure, value});
  run();
  EXPECT_EQ(all.value(), (Outcomes{5, error(), error(), 5}));
}

TEST_F(AllSettledOfRangeTest, HasAStatusForAPromiseOfNothing) {
  Promise<std::vector<absl::Status>> all = all_settled({sleep(absl::Seconds(1)), reject(error())});
  run();
  EXPECT_THAT(all.value(), ElementsAre(absl::OkStatus(), error()));
}

// folly 87
TEST_F(AllSettledOfRangeTest, GivesValuesThatCannotBeCopied) {
  std::vector<Promise<std::unique_ptr<int>>> promises;
  promises.push_back(resolve(std::make_unique<int>(5)));
  promises.push_back(reject<std::unique_ptr<int>>(error()));
  int value = 0;
  all_settled(std::move(promises)).then([&](std::vector<absl::StatusOr<std::unique_ptr<int>>> outcomes) {
    value = **outcomes[0];
  });
  run();
  EXPECT_EQ(value, 5);
}

// folly 87
TEST_F(AllSettledOfRangeTest, GivesValuesThatHaveNoDefault) {
  Promise<std::vector<absl::StatusOr<NoDefault>>> all =
      all_settled({reject<NoDefault>(error()), resolve(NoDefault(5))});
  run();
  EXPECT_EQ(all.value()[1]->x, 5);
}

TEST_F(AllSettledOfRangeTest, MovesTheValuesThatNobodyElseCanSee) {
  ProbeCounts counts;
  std::vector<Promise<Probe>> promises;
  promises.push_back(resolve(Probe(counts)));
  Promise<std::vector<absl::StatusOr<Probe>>> all = all_settled(std::move(promises));
  run();
  EXPECT_EQ(counts.copies, 0);
  EXPECT_TRUE(all.value()[0]->is_whole());
}

TEST_F(AllSettledOfRangeTest, CopiesTheValuesThatSomebodyElseCanSee) {
  ProbeCounts counts;
  const Promise<Probe> kept = resolve(Probe(counts));
  Promise<std::vector<absl::StatusOr<Probe>>> all = all_settled({kept});
  run();
  EXPECT_EQ(counts.copies, 1);
  EXPECT_TRUE(kept.value().is_whole());
  EXPECT_TRUE(all.value()[0]->is_whole());
}

#ifdef __cpp_exceptions
struct Fragile {
  Fragile() = default;
  Fragile(const Fragile&) { throw absl::DataLossError("copy"); }
  Fragile(Fragile&&) = default;
};

TEST_F(AllSettledOfRangeTest, IsRejectedByACopyThatThrows) {
  const Promise<Fragile> kept = resolve(Fragile());
  Promise<std::vector<absl::StatusOr<Fragile>>> all = all_settled({kept, resolve(Fragile())});
  run();
  EXPECT_EQ(all.status(), absl::DataLossError("copy"));
}
#endif

TEST_F(AllSettledOfRangeTest, LeavesNoErrorToBeReported) {
  auto before = on_unhandled_rejection([&](const absl::Status&, SourceLocation) { log.add("reported"); });
  const std::vector<Promise<int>> held = {reject<int>(error()), fails_after(1)};
  all_settled(held);
  run();
  on_unhandled_rejection(before);
  EXPECT_EQ(log.str(), "");
}

TEST_F(AllSettledOfRangeTest, TakesABrokenPromiseForAnError) {
  std::optional<Deferred<int>> dropped(std::in_place);
  Promise<Outcomes> all = all_settled({dropped->promise(), resolve(5)});
  dropped.reset();
  run();
  EXPECT_EQ(all.value()[0].status().code(), absl::StatusCode::kAborted);
}

TEST_F(AllSettledOfRangeTest, DroppedLetsItsInputsGoOn) {
  { all_settled({sleep(absl::Seconds(1)).then(log.note("a")), sleep(absl::Seconds(2)).then(log.note("b"))}); }
  run();
  EXPECT_EQ(log.str(), "a b");
}

// asyncio 98
TEST_F(AllSettledWithdrawalTest, OfOneInputBySomebodyElseIsAnOutcome) {
  const Promise<int> cancelled = after(1, 1);
  Promise<Outcomes> all = all_settled({cancelled, after(2, 2)});
  cancelled.cancel("enough");
  run();
  EXPECT_EQ(all.value(), (Outcomes{absl::CancelledError("enough"), 2}));
}

// asyncio 99, asyncio 101
TEST_F(AllSettledWithdrawalTest, OfACancelCancelsTheInputsThatHaveNotSettled) {
  Deferred<int> done, pending[2];
  done.on_cancel(log.note("never"));
  for (Deferred<int>& input : pending) input.on_cancel([&](absl::Status why) { log.add(std::string(why.message())); });
  Promise<Outcomes> all = all_settled({pending[0].promise(), done.promise(), pending[1].promise()});
  done.resolve(5);
  poll();
  EXPECT_TRUE(all.cancel("enough"));
  run();
  EXPECT_EQ(log.str(), "enough enough");
  EXPECT_EQ(all.status(), absl::CancelledError("enough"));
}

// asyncio 100
TEST_F(AllSettledWithdrawalTest, OfACancelThatComesTooLateDoesNothing) {
  Promise<Outcomes> all = all_settled({resolve(5)});
  poll();
  EXPECT_FALSE(all.cancel());
  EXPECT_EQ(all.value(), (Outcomes{5}));
}

// asyncio 100: there, a cancel does nothing once all inputs are done. Here it does until the outcome is there, a tick
// later, as with every other promise.
TEST_F(AllSettledWithdrawalTest, OfACancelThatComesBeforeTheOutcomeRejects) {
  Promise<Outcomes> all = all_settled({resolve(5), reject<int>(error())});
  EXPECT_TRUE(all.cancel());
  poll();
  EXPECT_EQ(all.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(AllSettledWithdrawalTest, TakesTimersAway) {
  Promise<Outcomes> all = all_settled({after(1, 1), after(2, 2)});
  all.cancel();
  poll();
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(AllSettledWithdrawalTest, LetsAnInputGoOnThatSomebodyElseHolds) {
  const Promise<int> held = after(1, 1);
  all_settled({held}).cancel();
  run();
  EXPECT_EQ(held.value(), 1);
}

TEST_F(AllSettledWithdrawalTest, IsHeardByProducersBeforeConsumers) {
  Deferred<int> input;
  input.on_cancel(log.note("producer"));
  Promise<Outcomes> all = all_settled({input.promise()});
  all.settled().then(log.note("consumer"));
  all.cancel();
  run();
  EXPECT_EQ(log.str(), "producer consumer");
}

TEST_F(AllSettledOfRangeTest, IsRejectedWhenTheLoopCloses) {
  ProbeCounts counts;
  Promise<std::vector<absl::StatusOr<Probe>>> all =
      all_settled({resolve(Probe(counts)), sleep(absl::Seconds(1)).then([p = Probe(counts)] { return p; })});
  poll();
  loop.close();
  EXPECT_EQ(all.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(AllSettledOfPackTest, GivesATupleOfOutcomes) {
  Promise<std::tuple<absl::StatusOr<int>, absl::StatusOr<std::string>>> all =
      all_settled(fails_after(2), after(1, 0).then([] { return std::string("text"); }));
  run();
  EXPECT_EQ(std::get<0>(all.value()).status(), error());
  EXPECT_EQ(std::get<1>(all.value()).value(), "text");
}

TEST_F(AllSettledOfPackTest, HasAStatusForAPromiseOfNothing) {
  Promise<std::tuple<absl::Status, absl::Status>> all = all_settled(sleep(absl::Seconds(1)), reject(error()));
  run();
  EXPECT_EQ(all.value(), std::tuple(absl::OkStatus(), error()));
}

TEST_F(AllSettledOfPackTest, TakesTheSamePromiseTwice) {
  const Promise<int> p = after(1, 5);
  Promise<std::tuple<absl::StatusOr<int>, absl::StatusOr<int>>> all = all_settled(p, p);
  run();
  EXPECT_EQ(std::get<0>(all.value()).value(), 5);
  EXPECT_EQ(std::get<1>(all.value()).value(), 5);
}

// folly 87, folly 88
TEST_F(AllSettledOfPackTest, GivesValuesThatHaveNoCopyAndNoDefault) {
  Promise<std::tuple<absl::StatusOr<std::unique_ptr<int>>, absl::StatusOr<NoDefault>>> all =
      all_settled(resolve(std::make_unique<int>(5)), resolve(NoDefault(6)));
  run();
  EXPECT_EQ(**std::get<0>(all.value()), 5);
  EXPECT_EQ(std::get<1>(all.value())->x, 6);
}

TEST_F(AllSettledOfPackTest, OfSettledInputsTakesTwoTicks) {
  all_settled(resolve(1), reject(error())).then(log.note("h"));
  resolve().then(log.note("1")).then(log.note("2")).then(log.note("3"));
  run();
  EXPECT_EQ(log.str(), "1 h 2 3");
}

TEST_F(AllSettledOfPackTest, CancelsItsInputs) {
  Deferred<> input;
  input.on_cancel(log.note("cancelled"));
  all_settled(input.promise(), resolve(5)).cancel();
  run();
  EXPECT_EQ(log.str(), "cancelled");
}

TEST_F(AllSettledOfPackTest, IsRejectedWhenTheLoopCloses) {
  auto all = all_settled(sleep(absl::Seconds(1)), resolve(5));
  loop.close();
  EXPECT_EQ(all.status().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace vow
