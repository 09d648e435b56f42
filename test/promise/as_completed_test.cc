#include "promise/as_completed.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "promise/unhandled_rejection.h"
#include "promise/with_timeout.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using Item = std::optional<Completion<int>>;

absl::Status error() { return absl::NotFoundError("e"); }

Promise<int> after(int seconds, int value) {
  return sleep(absl::Seconds(seconds)).then([value] { return value; });
}

// INDEX:VALUE, INDEX:MESSAGE of an error, or "end".
std::string word(const Item& item) {
  if (!item) return "end";
  return std::to_string(item->index) + ":" +
         (item->outcome.ok() ? std::to_string(*item->outcome) : std::string(item->outcome.status().message()));
}

class AsCompletedTest : public LoopTest {
 protected:
  // Asks for the next one, and logs it when it is there.
  void ask(AsCompleted<int>& stream, int times = 1) {
    for (int i = 0; i < times; ++i) stream.next().then([this](const Item& item) { log.add(word(item)); });
  }
};

using AsCompletedWithdrawalTest = AsCompletedTest;
using AsCompletedTimeoutTest = AsCompletedTest;
using AsCompletedLoopEndTest = AsCompletedTest;
using AsCompletedDeathTest = AsCompletedTest;

// asyncio 109, asyncio 111
TEST_F(AsCompletedTest, GivesTheOutcomesInTheOrderOfSettling) {
  AsCompleted<int> stream = as_completed(std::vector{after(3, 10), after(1, 11), after(2, 12)});
  ask(stream, 3);
  run();
  EXPECT_EQ(log.str(), "1:11 2:12 0:10");
}

TEST_F(AsCompletedTest, FollowsAnyOrderOfSettling) {
  std::vector<int> order = {0, 1, 2, 3};
  do {
    Deferred<int> inputs[4];
    AsCompleted<int> stream =
        as_completed({inputs[0].promise(), inputs[1].promise(), inputs[2].promise(), inputs[3].promise()});
    for (int i : order) inputs[i].resolve(i);
    for (int i : order) {
      Promise<Item> next = stream.next();
      poll();
      EXPECT_EQ(next.value()->index, static_cast<std::size_t>(i));
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

// asyncio 110
TEST_F(AsCompletedTest, GivesTheFirstToSettleToWhoAskedFirst) {
  Deferred<int> inputs[2];
  AsCompleted<int> stream = as_completed({inputs[0].promise(), inputs[1].promise()});
  Promise<Item> first = stream.next(), second = stream.next();
  inputs[1].resolve(11);
  poll();
  EXPECT_EQ(word(first.value()), "1:11");
  EXPECT_TRUE(second.is_pending());
}

TEST_F(AsCompletedTest, KeepsWhatNobodyHasAskedForYet) {
  AsCompleted<int> stream = as_completed({after(2, 10), after(1, 11)});
  run();
  ask(stream, 2);
  run();
  EXPECT_EQ(log.str(), "1:11 0:10");
}

// asyncio 115
TEST_F(AsCompletedTest, EndsAfterAsManyAsThereWereInputsRejectedOnesToo) {
  AsCompleted<int> stream = as_completed({resolve(10), reject<int>(error()), resolve(12)});
  ask(stream, 4);
  run();
  EXPECT_EQ(log.str(), "0:10 1:e 2:12 end");
}

TEST_F(AsCompletedTest, EndsForAllWhoHadAskedTooOftenInAdvance) {
  Deferred<int> last;
  AsCompleted<int> stream = as_completed({last.promise()});
  ask(stream, 3);
  poll();
  EXPECT_EQ(log.str(), "");
  last.resolve(10);
  poll();
  EXPECT_EQ(log.str(), "0:10 end end");
}

TEST_F(AsCompletedTest, HasEndedForAllWhoAskAfterwards) {
  AsCompleted<int> stream = as_completed({resolve(10)});
  ask(stream);
  run();
  ask(stream, 2);
  run();
  EXPECT_EQ(log.str(), "0:10 end end");
}

TEST_F(AsCompletedTest, OfNoneHasEnded) {
  AsCompleted<int> stream = as_completed(std::vector<Promise<int>>());
  EXPECT_EQ(word(stream.next().value()), "end");
}

// folly 88
TEST_F(AsCompletedTest, GivesSettledInputsInTheirOrder) {
  Promise<int> second = resolve(11);
  AsCompleted<int> stream = as_completed({resolve(10), second});
  ask(stream, 2);
  run();
  EXPECT_EQ(log.str(), "0:10 1:11");
}

// asyncio 107, asyncio 114: under each index, for who zips the results with the inputs misses none.
TEST_F(AsCompletedTest, GivesAPromiseThatStandsTwiceTwice) {
  const Promise<int> p = after(1, 5);
  AsCompleted<int> stream = as_completed({p, p});
  ask(stream, 3);
  run();
  EXPECT_EQ(log.str(), "0:5 1:5 end");
}

TEST_F(AsCompletedTest, TakesARangeThatIsKeptAndLeavesItAsItIs) {
  const std::vector<Promise<int>> kept = {after(2, 10), after(1, 11)};
  AsCompleted<int> stream = as_completed(kept);
  ask(stream, 2);
  run();
  EXPECT_EQ(log.str(), "1:11 0:10");
  EXPECT_EQ(kept[0].value(), 10);
}

TEST_F(AsCompletedTest, TakesOtherContainers) {
  Promise<int> array[] = {resolve(1)};
  AsCompleted<int> of_array = as_completed(array);
  AsCompleted<int> of_std_array = as_completed(std::array{resolve(2)});
  AsCompleted<int> of_list = as_completed(std::list<Promise<int>>{resolve(3)});
  AsCompleted<int> of_deque = as_completed(std::deque<Promise<int>>{resolve(4)});
  for (AsCompleted<int>* stream : {&of_array, &of_std_array, &of_list, &of_deque}) ask(*stream);
  run();
  EXPECT_EQ(log.str(), "0:1 0:2 0:3 0:4");
}

TEST_F(AsCompletedTest, HasAStatusForAPromiseOfNothing) {
  AsCompleted<void> stream = as_completed({reject(error())});
  Promise<std::optional<Completion<void>>> next = stream.next();
  run();
  EXPECT_EQ(next.value()->outcome, error());
}

// folly 87
TEST_F(AsCompletedTest, GivesValuesThatHaveNoCopyAndNoDefault) {
  struct Value {
    explicit Value(int x) : pointer(std::make_unique<int>(x)) {}
    std::unique_ptr<int> pointer;
  };
  std::vector<Promise<Value>> promises;
  promises.push_back(resolve(Value(5)));
  AsCompleted<Value> stream = as_completed(std::move(promises));
  stream.next().then([&](std::optional<Completion<Value>> item) { log.add(*item->outcome->pointer); });
  run();
  EXPECT_EQ(log.str(), "5");
}

TEST_F(AsCompletedTest, MovesTheValueThatNobodyElseCanSee) {
  ProbeCounts counts;
  std::vector<Promise<Probe>> promises;
  promises.push_back(resolve(Probe(counts)));
  AsCompleted<Probe> stream = as_completed(std::move(promises));
  Promise<std::optional<Completion<Probe>>> next = stream.next();
  run();
  EXPECT_EQ(counts.copies, 0);
  EXPECT_TRUE(next.value()->outcome->is_whole());
}

TEST_F(AsCompletedTest, DestroysTheValuesThatNobodyAskedFor) {
  ProbeCounts counts;
  {
    AsCompleted<Probe> stream = as_completed({resolve(Probe(counts)), resolve(Probe(counts))});
    run();
  }
  EXPECT_EQ(counts.live, 0);
}

TEST_F(AsCompletedTest, OfASettledInputTakesTwoTicks) {
  AsCompleted<int> stream = as_completed({resolve(1)});
  stream.next().then(log.note("h"));
  resolve().then(log.note("1")).then(log.note("2")).then(log.note("3"));
  run();
  EXPECT_EQ(log.str(), "1 h 2 3");
}

TEST_F(AsCompletedTest, GivesWhatHasCompletedInOneTick) {
  AsCompleted<int> stream = as_completed({resolve(1)});
  poll();
  stream.next().then(log.note("h"));
  resolve().then(log.note("1")).then(log.note("2"));
  run();
  EXPECT_EQ(log.str(), "h 1 2");
}

TEST_F(AsCompletedTest, LeavesNoErrorToBeReported) {
  auto before = on_unhandled_rejection([&](const absl::Status&, SourceLocation) { log.add("reported"); });
  AsCompleted<int> stream = as_completed({reject<int>(error())});
  run();
  on_unhandled_rejection(before);
  EXPECT_EQ(log.str(), "");
}

TEST_F(AsCompletedTest, MayBeMovedWhileSomebodyWaits) {
  AsCompleted<int> stream = as_completed({after(1, 10), after(2, 11)});
  ask(stream);
  AsCompleted<int> moved = std::move(stream);
  stream = as_completed({resolve(5)});
  ask(moved);
  ask(stream);
  run();
  EXPECT_EQ(log.str(), "0:5 0:10 1:11");
}

TEST_F(AsCompletedTest, MayBeDroppedByTheCallbackThatItServes) {
  auto stream = std::make_shared<AsCompleted<int>>(as_completed({resolve(1), after(1, 2)}));
  AsCompleted<int>& alias = *stream;
  alias.next().then([stream = std::move(stream)](const Item&) mutable { stream.reset(); });
  poll();
  EXPECT_TRUE(loop.is_stalled());
}

#ifdef __cpp_exceptions
struct Fragile {
  Fragile() = default;
  Fragile(const Fragile&) { throw absl::DataLossError("copy"); }
  Fragile(Fragile&&) = default;
};

TEST_F(AsCompletedTest, RejectsANextWhoseCopyThrowsAndGoesOn) {
  const Promise<Fragile> kept = resolve(Fragile());
  AsCompleted<Fragile> stream = as_completed({kept, reject<Fragile>(error())});
  Promise<std::optional<Completion<Fragile>>> first = stream.next(), second = stream.next(), third = stream.next();
  run();
  EXPECT_EQ(first.status(), absl::DataLossError("copy"));
  EXPECT_EQ(second.value()->index, 1u);
  EXPECT_FALSE(third.value().has_value());
}
#endif

TEST_F(AsCompletedWithdrawalTest, OfOneNextLosesNothing) {
  Deferred<int> inputs[2];
  AsCompleted<int> stream = as_completed({inputs[0].promise(), inputs[1].promise()});
  Promise<Item> first = stream.next(), cancelled = stream.next(), third = stream.next();
  EXPECT_TRUE(cancelled.cancel());
  inputs[1].resolve(11);
  inputs[0].resolve(10);
  run();
  EXPECT_EQ(word(first.value()) + " " + word(third.value()), "1:11 0:10");
}

TEST_F(AsCompletedWithdrawalTest, OfOneNextLeavesTheInputsAlone) {
  Deferred<int> input;
  input.on_cancel(log.note("cancelled"));
  AsCompleted<int> stream = as_completed({input.promise()});
  stream.next().cancel("enough");
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(AsCompletedWithdrawalTest, OfTheStreamCancelsTheInputsThatHaveNotSettled) {
  Deferred<int> inputs[3];
  for (Deferred<int>& input : inputs) input.on_cancel(log.note("cancelled"));
  {
    AsCompleted<int> stream = as_completed({inputs[0].promise(), inputs[1].promise(), inputs[2].promise()});
    inputs[1].resolve(5);
    run();
  }
  run();
  EXPECT_EQ(log.str(), "cancelled cancelled");
}

TEST_F(AsCompletedWithdrawalTest, TakesTimersAway) {
  { AsCompleted<int> stream = as_completed(std::vector{after(1, 1), after(2, 2)}); }
  poll();
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(AsCompletedWithdrawalTest, WaitsUntilNobodyWaitsForANext) {
  Deferred<int> inputs[2];
  bool is_cancelled = false;
  inputs[0].on_cancel([&] { is_cancelled = true; });
  ask(*std::make_unique<AsCompleted<int>>(as_completed({inputs[0].promise(), inputs[1].promise()})));
  poll();
  EXPECT_FALSE(is_cancelled);
  inputs[1].resolve(11);
  run();
  EXPECT_EQ(log.str(), "1:11");
  EXPECT_TRUE(is_cancelled);
}

TEST_F(AsCompletedWithdrawalTest, ComesWithTheCancelOfTheLastNext) {
  Deferred<int> input;
  input.on_cancel(log.note("cancelled"));
  Promise<Item> next = as_completed({input.promise()}).next();
  next.cancel();
  run();
  EXPECT_EQ(log.str(), "cancelled");
}

TEST_F(AsCompletedWithdrawalTest, LetsAnInputGoOnThatSomebodyElseHolds) {
  const Promise<int> held = after(1, 1);
  { AsCompleted<int> stream = as_completed({held}); }
  run();
  EXPECT_EQ(held.value(), 1);
}

TEST_F(AsCompletedWithdrawalTest, LetsAnInputGoOnThatSomebodyElseWaitsFor) {
  std::vector<Promise<int>> promises = {after(1, 1)};
  promises[0].then(log.note("waited"));
  { AsCompleted<int> stream = as_completed(std::move(promises)); }
  run();
  EXPECT_EQ(log.str(), "waited");
}

// asyncio 98
TEST_F(AsCompletedWithdrawalTest, OfOneInputBySomebodyElseIsAnOutcome) {
  const Promise<int> cancelled = after(1, 1);
  AsCompleted<int> stream = as_completed({cancelled, after(2, 2)});
  cancelled.cancel("enough");
  ask(stream, 2);
  run();
  EXPECT_EQ(log.str(), "0:enough 1:2");
}

TEST_F(AsCompletedWithdrawalTest, OfAStreamOfStreamsNeedsNoStack) {
  Deferred<int> source;
  source.on_cancel(log.note("cancelled"));
  Promise<int> end = source.promise();
  for (int i = 0; i < 100'000; ++i) {
    std::vector<Promise<int>> promises;
    promises.push_back(std::move(end));
    end = as_completed(std::move(promises)).next().then([](const Item& item) { return *item->outcome; });
  }
  end.cancel();
  run();
  EXPECT_EQ(log.str(), "cancelled");
}

// asyncio 112
TEST_F(AsCompletedTimeoutTest, OfOneNextLeavesTheRestUsable) {
  AsCompleted<int> stream = as_completed(std::vector{after(1, 10), after(3, 11)});
  Promise<Item> first = with_timeout(stream.next(), absl::Seconds(2));
  Promise<Item> second = with_timeout(stream.next(), absl::Seconds(2));
  loop.call_later(absl::Seconds(2), [&] { ask(stream); });
  run();
  EXPECT_EQ(word(first.value()), "0:10");
  EXPECT_EQ(second.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(log.str(), "1:11");
}

// asyncio 113
TEST_F(AsCompletedTimeoutTest, ThatIsNotNeededLeavesNoTimerBehind) {
  AsCompleted<int> stream = as_completed({resolve(10)});
  Promise<Item> first = with_timeout(stream.next(), absl::Seconds(1));
  poll();
  EXPECT_EQ(word(first.value()), "0:10");
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(AsCompletedLoopEndTest, RejectsAllWhoWait) {
  AsCompleted<int> stream = as_completed(std::vector{after(1, 10), after(2, 11)});
  Promise<Item> first = stream.next(), second = stream.next();
  loop.close();
  EXPECT_EQ(first.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAborted);
}

TEST_F(AsCompletedLoopEndTest, DestroysWhatNobodyAskedFor) {
  ProbeCounts counts;
  {
    AsCompleted<Probe> stream =
        as_completed({resolve(Probe(counts)), sleep(absl::Seconds(1)).then([p = Probe(counts)] { return p; })});
    poll();
    loop.close();
  }
  EXPECT_EQ(counts.live, 0);
}

TEST_F(AsCompletedLoopEndTest, ComesBeforeThatOfTheStream) {
  Deferred<int> input;
  input.on_cancel(log.note("never"));
  {
    AsCompleted<int> stream = as_completed({input.promise()});
    loop.close();
  }
  EXPECT_FALSE(input.is_awaited());
  EXPECT_EQ(log.str(), "");
}

TEST_F(AsCompletedDeathTest, NextOnAStreamThatWasMovedFrom) {
  AsCompleted<int> stream = as_completed({resolve(1)});
  AsCompleted<int> elsewhere = std::move(stream);
  EXPECT_DEATH(stream.next(), "as_completed_test.cc:[0-9]+: vow: next\\(\\) on .* that was moved from");
}

TEST_F(AsCompletedDeathTest, NextOnAnotherThread) {
  AsCompleted<int> stream = as_completed({resolve(1)});
  auto mistake = [&] {
    EventLoop other;
    stream.next();
  };
  EXPECT_DEATH(std::thread(mistake).join(), "as_completed_test.cc:[0-9]+: vow: next\\(\\) on .*another thread's");
}

TEST_F(AsCompletedDeathTest, NextOnAClosedLoop) {
  AsCompleted<int> stream = as_completed({resolve(1)});
  loop.close();
  EXPECT_DEATH(stream.next(), "as_completed_test.cc:[0-9]+: vow: next\\(\\) on .*closed");
}

}  // namespace
}  // namespace vow
