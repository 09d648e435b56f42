// What other libraries have a function for, and here is a few lines of what there is: to show that it can be had, and
// how. Each helper is what a user would write.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "promise/as_completed.h"
#include "promise/map.h"
#include "promise/promise.h"
#include "promise/race.h"
#include "promise/sleep.h"
#include "promise/unhandled_rejection.h"
#include "promise/when_all.h"
#include "promise/when_any.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::ElementsAre;
using testing::Pair;

using Values = std::vector<int>;

using WaitTest = LoopTest;
using CollectTest = LoopTest;
using FilterTest = LoopTest;
using ReduceTest = LoopTest;
using UnorderedReduceTest = LoopTest;
using WhileTest = LoopTest;
using FlattenTest = LoopTest;
using PoolTest = LoopTest;
using MovableLimitTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

Promise<int> after(int seconds, int value) {
  return sleep(absl::Seconds(seconds)).then([value] { return value; });
}
Promise<int> fails_after(int seconds) {
  return sleep(absl::Seconds(seconds)).then([] { return reject<int>(error()); });
}

// asyncio 103: wait(FIRST_COMPLETED). Who keeps the promises can see which ones have settled, and the rest goes on.
TEST_F(WaitTest, UntilTheFirstIsARaceOfPromisesThatAreKept) {
  Deferred<int> inputs[3];
  const std::vector<Promise<int>> kept = {inputs[0].promise(), inputs[1].promise(), inputs[2].promise()};
  race(kept).settled().then([&] {
    for (const Promise<int>& p : kept) log.add(p.is_pending() ? "pending" : "done");
  });
  inputs[1].reject(error());
  inputs[2].resolve(5);
  run();
  EXPECT_EQ(log.str(), "pending done done");
}

// asyncio 104: wait(FIRST_EXCEPTION).
TEST_F(WaitTest, UntilTheFirstErrorIsAWhenAllOfPromisesThatAreKept) {
  Deferred<int> inputs[3];
  const std::vector<Promise<int>> kept = {inputs[0].promise(), inputs[1].promise(), inputs[2].promise()};
  when_all(kept).settled().then([&] {
    for (const Promise<int>& p : kept) log.add(p.is_pending() ? "pending" : p.status().ok() ? "value" : "error");
  });
  inputs[0].resolve(5);
  poll();
  EXPECT_EQ(log.str(), "");
  inputs[2].reject(error());
  poll();
  EXPECT_EQ(log.str(), "value pending error");
}

// asyncio 104
TEST_F(WaitTest, UntilTheFirstErrorEndsWithTheLastIfThereIsNone) {
  const std::vector<Promise<int>> kept = {after(2, 1), after(1, 2)};
  when_all(kept).settled().then([&](const absl::StatusOr<Values>& all) { log.add(all.ok()); });
  run();
  EXPECT_EQ(log.str(), "1");
}

// The values of the first n that are fulfilled, with their indexes; the rest is cancelled.
using Collected = std::vector<std::pair<std::size_t, int>>;
class Collector {
 public:
  Collector(std::vector<Promise<int>> promises, std::size_t n) : stream_(as_completed(std::move(promises))), n_(n) {}

  static Promise<Collected> collect(std::shared_ptr<Collector> self) {
    if (self->collected_.size() == self->n_) return std::move(self->collected_);
    Promise<std::optional<Completion<int>>> next = self->stream_.next();
    return std::move(next).then([self](std::optional<Completion<int>> item) -> Promise<Collected> {
      if (!item) return absl::OutOfRangeError("too few");
      if (item->outcome.ok()) self->collected_.emplace_back(item->index, *item->outcome);
      return collect(self);
    });
  }

 private:
  AsCompleted<int> stream_;
  std::size_t n_;
  Collected collected_;
};
Promise<Collected> collect_n(std::vector<Promise<int>> promises, std::size_t n) {
  return Collector::collect(std::make_shared<Collector>(std::move(promises), n));
}

// folly 89
TEST_F(CollectTest, OfSomeGivesTheFirstOnesWithTheirIndexes) {
  Promise<Collected> two = collect_n({after(3, 10), after(1, 11), after(2, 12)}, 2);
  run();
  EXPECT_THAT(two.value(), ElementsAre(Pair(1, 11), Pair(2, 12)));
}

// folly 89
TEST_F(CollectTest, OfSomePassesErrorsByBeforeAndAfter) {
  auto before = on_unhandled_rejection([&](const absl::Status&, SourceLocation) { log.add("reported"); });
  Promise<int> late = fails_after(3);
  Promise<Collected> one = collect_n({fails_after(1), after(2, 11), late}, 1);
  run();
  on_unhandled_rejection(before);
  EXPECT_THAT(one.value(), ElementsAre(Pair(1, 11)));
  EXPECT_EQ(log.str(), "");
}

// folly 89
TEST_F(CollectTest, OfSomeCancelsTheRest) {
  Deferred<int> slow;
  slow.on_cancel(log.note("cancelled"));
  std::vector<Promise<int>> promises = {slow.promise(), resolve(5)};
  Promise<Collected> one = collect_n(std::move(promises), 1);
  run();
  EXPECT_EQ(log.str(), "cancelled");
}

// folly 89
TEST_F(CollectTest, OfMoreThanAreFulfilledIsRejected) {
  Promise<Collected> two = collect_n({after(1, 10), fails_after(2)}, 2);
  run();
  EXPECT_EQ(two.status(), absl::OutOfRangeError("too few"));
}

// The elements that `keep`, a function that returns a Promise<bool>, says yes to.
template <class Keep>
Promise<Values> filter(Values elements, Keep keep) {
  return map(elements, keep).then([elements](const std::vector<bool>& kept) {
    Values result;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (kept[i]) result.push_back(elements[i]);
    }
    return result;
  });
}

// folly 91
TEST_F(FilterTest, IsAMapAndASelection) {
  auto is_even = [](int x) { return sleep(absl::Seconds(x)).then([x] { return x % 2 == 0; }); };
  Promise<Values> even = filter({4, 1, 2, 3}, is_even);
  run();
  EXPECT_THAT(even.value(), ElementsAre(4, 2));
}

// folly 91
TEST_F(FilterTest, FailsWithItsPredicate) {
  auto fails_at_two = [](int x) -> absl::StatusOr<bool> { return x == 2 ? absl::StatusOr<bool>(error()) : true; };
  Promise<Values> rejected = filter({1, 2, 3}, fails_at_two);
  run();
  EXPECT_EQ(rejected.status(), error());
}

// f(f(f(start, a), b), c), where f returns a promise.
template <class F>
Promise<int> reduce(const Values& elements, int start, F f) {
  Promise<int> result = start;
  for (int x : elements) {
    result = std::move(result).then([f, x](int so_far) { return f(so_far, x); });
  }
  return result;
}

// folly 91
TEST_F(ReduceTest, IsAChain) {
  Promise<int> result = reduce(
      {1, 2, 3}, 0, [](int so_far, int x) { return sleep(absl::Seconds(1)).then([=] { return 10 * so_far + x; }); });
  run();
  EXPECT_EQ(result.value(), 123);
}

// folly 91
TEST_F(ReduceTest, StopsAtAnError) {
  Promise<int> result = reduce({1, 2, 3}, 0, [&](int, int x) -> absl::StatusOr<int> {
    log.add(x);
    return x == 2 ? absl::StatusOr<int>(error()) : x;
  });
  run();
  EXPECT_EQ(result.status(), error());
  EXPECT_EQ(log.str(), "1 2");
}

// folly 91: an interrupt.
TEST_F(ReduceTest, IsCancelledWhereItIs) {
  Deferred<int> second;
  second.on_cancel(log.note("cancelled"));
  auto f = [&](int, int x) { return x == 2 ? second.promise() : resolve(x); };
  Promise<int> result = reduce({1, 2, 3}, 0, f);
  run();
  result.cancel();
  run();
  EXPECT_EQ(log.str(), "cancelled");
}

// 10 * so_far + x for all values in the order of settling; fails with the first error.
Promise<int> digits(std::shared_ptr<AsCompleted<int>> stream, int so_far = 0) {
  Promise<std::optional<Completion<int>>> next = stream->next();
  return std::move(next).then([=](std::optional<Completion<int>> item) -> Promise<int> {
    if (!item) return so_far;
    if (!item->outcome.ok()) return item->outcome.status();
    return digits(stream, 10 * so_far + *item->outcome);
  });
}
Promise<int> digits(std::vector<Promise<int>> promises) {
  return digits(std::make_shared<AsCompleted<int>>(as_completed(std::move(promises))));
}

// folly 93
TEST_F(UnorderedReduceTest, GoesInTheOrderOfSettling) {
  Promise<int> result = digits({after(3, 1), after(1, 2), after(2, 3)});
  run();
  EXPECT_EQ(result.value(), 231);
}

// folly 93
TEST_F(UnorderedReduceTest, FailsAtAnyPoint) {
  for (int failing = 1; failing <= 3; ++failing) {
    std::vector<Promise<int>> promises;
    for (int i = 1; i <= 3; ++i) promises.push_back(i == failing ? fails_after(i) : after(i, i));
    Promise<int> result = digits(std::move(promises));
    run();
    EXPECT_EQ(result.status(), error());
  }
}

// folly 92: a million elements there; here the stack would show it at a tenth.
TEST_F(UnorderedReduceTest, OfManyNeedsNoStack) {
  std::vector<Promise<int>> promises(100'000, resolve(0));
  Promise<int> result = digits(std::move(promises));
  run();
  EXPECT_EQ(result.value(), 0);
}

// Calls f for as long as it gives true.
Promise<> while_true(std::function<Promise<bool>()> f) {
  return f().then([f](bool go_on) { return go_on ? while_true(f) : resolve(); });
}

// folly 91
TEST_F(WhileTest, EndsWhenItsFunctionSaysSo) {
  int rounds = 0;
  Promise<> end = while_true([&] { return sleep(absl::Seconds(1)).then([&] { return ++rounds < 3; }); });
  run();
  EXPECT_TRUE(end.is_fulfilled());
  EXPECT_EQ(rounds, 3);
}

// folly 91
TEST_F(WhileTest, EndsWithAnError) {
  int rounds = 0;
  Promise<> end = while_true([&]() -> Promise<bool> { return ++rounds < 3 ? resolve(true) : reject<bool>(error()); });
  run();
  EXPECT_EQ(end.status(), error());
  EXPECT_EQ(rounds, 3);
}

// folly 91: an interrupt.
TEST_F(WhileTest, IsCancelledInTheMiddle) {
  Promise<> end = while_true([&] { return sleep(absl::Seconds(1)).then([] { return true; }); });
  loop.call_later(absl::Milliseconds(2500), [&] { end.cancel(); });
  run();
  EXPECT_TRUE(end.is_rejected());
  EXPECT_TRUE(loop.is_stalled());
}

// folly 91: `when`.
TEST_F(WhileTest, MayNotBegin) {
  auto when = [&](bool condition) { return condition ? after(1, 5).then([&](int x) { log.add(x); }) : resolve(); };
  Promise<> yes = when(true), no = when(false);
  EXPECT_TRUE(no.is_fulfilled());
  run();
  EXPECT_TRUE(yes.is_fulfilled());
  EXPECT_EQ(log.str(), "5");
}

// folly 91: `poll`, an outcome if there is one.
TEST_F(WaitTest, CanBeDoneWithoutForOnePromise) {
  Promise<int> value = after(1, 5), failure = fails_after(1);
  EXPECT_EQ(value.status().code(), absl::StatusCode::kUnavailable);
  run();
  EXPECT_TRUE(value.status().ok());
  EXPECT_EQ(failure.status(), error());
}

// folly 94: there is no promise of a promise; one that is returned takes the place of the one that returns it.
TEST_F(FlattenTest, GoesThroughThreeLevelsNoneOfThemReady) {
  Promise<int> flat = sleep(absl::Seconds(1)).then([] {
    return sleep(absl::Seconds(1)).then([] { return sleep(absl::Seconds(1)).then([] { return 5; }); });
  });
  run();
  EXPECT_EQ(flat.value(), 5);
}

// folly 94
TEST_F(FlattenTest, PassesTheErrorOfTheInnermostOn) {
  Promise<int> flat = sleep(absl::Seconds(1)).then([] {
    return sleep(absl::Seconds(1)).then([] { return sleep(absl::Seconds(1)).then([] { return fails_after(1); }); });
  });
  run();
  EXPECT_EQ(flat.status(), error());
}

// Settles each Deferred from a thread of its own, by way of the loop.
template <class Settle>
void settle_from_threads(EventLoop& loop, std::vector<Deferred<int>>& inputs, Settle settle) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    threads.emplace_back(
        [poster = loop.poster(), &inputs, settle, i] { poster.post([&, settle, i] { settle(inputs, i); }); });
  }
  EXPECT_EQ(loop.run(), absl::OkStatus());
  for (std::thread& thread : threads) thread.join();
}

std::vector<Promise<int>> promises_of(std::vector<Deferred<int>>& inputs) {
  std::vector<Promise<int>> promises;
  for (Deferred<int>& input : inputs) promises.push_back(input.promise());
  return promises;
}

// folly 90
TEST_F(PoolTest, CollectsWhatManyThreadsSettle) {
  std::vector<Deferred<int>> inputs(8);
  Promise<Values> all = when_all(promises_of(inputs));
  settle_from_threads(loop, inputs, [](auto& of, std::size_t i) { of[i].resolve(static_cast<int>(i)); });
  EXPECT_THAT(all.value(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

// folly 90
TEST_F(PoolTest, SettlesOnceIfManyThreadsFail) {
  std::vector<Deferred<int>> inputs(8);
  Promise<Values> all = when_all(promises_of(inputs));
  all.then([] {}, log.note("once"));
  settle_from_threads(loop, inputs,
                      [](auto& of, std::size_t i) { of[i].reject(absl::AbortedError(std::to_string(i))); });
  EXPECT_EQ(log.str(), "once");
}

// folly 90
TEST_F(PoolTest, GivesTheFirstThatAnyThreadSettles) {
  std::vector<Deferred<int>> inputs(8);
  when_any(promises_of(inputs)).then(log.note("once"));
  settle_from_threads(loop, inputs, [](auto& of, std::size_t i) { of[i].resolve(1); });
  EXPECT_EQ(log.str(), "once");
}

// A limit in time that can be moved, and lifted: a promise that a timer rejects.
class MovableLimit {
 public:
  Promise<int> promise() { return limit_->promise(); }
  void move_to(absl::Duration from_now) {
    lift();
    alarm_ = EventLoop::current().call_later(
        from_now, [limit = limit_] { limit->reject(absl::DeadlineExceededError("too late")); });
  }
  void lift() { alarm_.cancel(); }

 private:
  std::shared_ptr<Deferred<int>> limit_ = std::make_shared<Deferred<int>>();
  Handle alarm_;
};

// asyncio 125
TEST_F(MovableLimitTest, MovedLetsTheWorkGoOn) {
  MovableLimit limit;
  limit.move_to(absl::Seconds(1));
  Promise<int> first = race({after(3, 5), limit.promise()});
  limit.move_to(absl::Seconds(4));
  run();
  EXPECT_EQ(first.value(), 5);
}

// asyncio 125
TEST_F(MovableLimitTest, MovedForwardEndsTheWorkSooner) {
  MovableLimit limit;
  limit.move_to(absl::Seconds(4));
  Promise<int> first = race({after(3, 5), limit.promise()});
  limit.move_to(absl::Seconds(1));
  first.settled().then(
      [&] { log.add(first.status().code() == absl::StatusCode::kDeadlineExceeded ? "late" : "else"); });
  const absl::Time start = loop.now();
  run();
  EXPECT_EQ(log.str(), "late");
  EXPECT_EQ(loop.now() - start, absl::Seconds(1));
}

// asyncio 125
TEST_F(MovableLimitTest, LiftedLetsTheWorkGoOn) {
  MovableLimit limit;
  limit.move_to(absl::Seconds(1));
  Promise<int> first = race({after(3, 5), limit.promise()});
  limit.lift();
  run();
  EXPECT_EQ(first.value(), 5);
}

}  // namespace
}  // namespace vow
