// The producer's side of a cancel: Deferred::on_cancel and Deferred::is_awaited.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/shield.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

absl::Status error() { return absl::NotFoundError("e"); }
absl::Status cancelled(const char* reason = "cancelled") { return absl::CancelledError(reason); }

class OnCancelTest : public LoopTest {
 protected:
  ~OnCancelTest() override { d.resolve(); }

  ProbeCounts counts;
  Deferred<> d;
};

TEST_F(OnCancelTest, IsCalled) {
  d.on_cancel(log.note("hook"));
  d.promise().cancel();
  run();
  EXPECT_EQ(log.str(), "hook");
}

TEST_F(OnCancelTest, GetsTheReason) {
  absl::Status reason;
  d.on_cancel([&](absl::Status status) { reason = status; });
  d.promise().cancel("stop");
  run();
  EXPECT_EQ(reason, cancelled("stop"));
}

TEST_F(OnCancelTest, IsNotCalledInsideOfCancel) {
  d.on_cancel(log.note("hook"));
  d.promise().cancel();
  log.add("cancelled");
  run();
  EXPECT_EQ(log.str(), "cancelled hook");
}

TEST_F(OnCancelTest, FindsThePromiseRejected) {
  d.on_cancel([&] { EXPECT_EQ(d.promise().status(), cancelled()); });
  d.promise().cancel();
  run();
}

TEST_F(OnCancelTest, IsCalledBeforeConsumersHear) {
  d.promise().catch_(log.note("consumer"));
  d.on_cancel(log.note("hook"));
  d.promise().cancel();
  run();
  EXPECT_EQ(log.str(), "hook consumer");
}

TEST_F(OnCancelTest, IsCalledBeforeConsumersFarDownHear) {
  const Promise<> p = d.promise().then([] {}).then([] {});
  p.catch_(log.note("consumer"));
  d.on_cancel(log.note("hook"));
  p.cancel();
  run();
  EXPECT_EQ(log.str(), "hook consumer");
}

// folly 96
TEST_F(OnCancelTest, IsCalledForARequestFromFarDown) {
  d.on_cancel([&](absl::Status reason) { log.add(std::string(reason.message())); });
  d.promise().then([] {}).finally([] {}).settled().cancel("stop");
  run();
  EXPECT_EQ(log.str(), "stop");
}

// folly 96
TEST_F(OnCancelTest, IsNotCalledForASecondRequest) {
  d.on_cancel(log.note("hook"));
  d.promise().cancel();
  d.promise().cancel();
  run();
  EXPECT_EQ(log.str(), "hook");
}

// asyncio 140
TEST_F(OnCancelTest, IsCalledOnceForRequestsFromSeveralPlaces) {
  d.on_cancel(log.note("hook"));
  d.promise().then([] {}).cancel();
  d.promise().cancel();
  run();
  EXPECT_EQ(log.str(), "hook");
}

// folly 96
TEST_F(OnCancelTest, SetAfterTheCancelIsCalledAsWell) {
  d.promise().cancel("stop");
  run();
  d.on_cancel([&](absl::Status reason) { log.add(std::string(reason.message())); });
  log.add("set");
  run();
  EXPECT_EQ(log.str(), "set stop");
}

TEST_F(OnCancelTest, IsNotCalledIfThePromiseIsNeverCancelled) {
  d.on_cancel(log.note("hook"));
  d.resolve();
  run();
  EXPECT_EQ(log.str(), "");
}

// folly 96
TEST_F(OnCancelTest, IsNotCalledForARequestAfterItHasSettled) {
  d.on_cancel(log.note("hook"));
  d.resolve();
  d.promise().cancel();
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(OnCancelTest, IsNotCalledIfTheRequestStopsOnTheWay) {
  const Promise<> held = d.promise();
  d.on_cancel(log.note("hook"));
  held.then([] {}).cancel();
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(OnCancelTest, IsNotCalledForWhatTheDeferredFollows) {
  d.on_cancel(log.note("hook"));
  d.resolve(sleep(absl::Seconds(1)));
  d.promise().cancel();
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(OnCancelTest, SetAnewTakesThePlaceOfTheOneBefore) {
  d.on_cancel(log.note("first"));
  d.on_cancel(log.note("second"));
  d.promise().cancel();
  run();
  EXPECT_EQ(log.str(), "second");
}

// How long it lives.

TEST_F(OnCancelTest, IsDestroyedWhenItHasRun) {
  d.on_cancel([probe = Probe(counts)] {});
  d.promise().cancel();
  EXPECT_EQ(counts.live, 1);
  run();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OnCancelTest, IsDestroyedWhenThePromiseIsFulfilled) {
  d.on_cancel([probe = Probe(counts)] {});
  d.resolve();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OnCancelTest, IsDestroyedWhenThePromiseIsFulfilledWithAValue) {
  Deferred<int> number;
  number.on_cancel([probe = Probe(counts)] {});
  number.resolve(5);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OnCancelTest, IsDestroyedWhenThePromiseIsRejected) {
  d.on_cancel([probe = Probe(counts)] {});
  d.promise().catch_([] {});
  d.reject(error());
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OnCancelTest, IsDestroyedWhenThePromiseFollowsAnother) {
  d.on_cancel([probe = Probe(counts)] {});
  d.resolve(sleep(absl::Seconds(1)));
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OnCancelTest, IsDestroyedWhenThePromiseIsBroken) {
  d.promise().catch_([] {});
  d.on_cancel([probe = Probe(counts)] {});
  d = Deferred<>();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OnCancelTest, IsDestroyedWhenAnotherTakesItsPlace) {
  d.on_cancel([probe = Probe(counts)] {});
  d.on_cancel([] {});
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OnCancelTest, SetAfterThePromiseHasSettledIsDestroyedAtOnce) {
  d.resolve();
  d.on_cancel([probe = Probe(counts)] {});
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OnCancelTest, SetWhileThePromiseFollowsAnotherIsDestroyedAtOnce) {
  d.resolve(sleep(absl::Seconds(1)));
  d.on_cancel([probe = Probe(counts)] {});
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OnCancelTest, IsDestroyedIfTheLoopClosesBeforeItsTurn) {
  d.on_cancel([&, probe = Probe(counts)] { log.add("hook"); });
  d.promise().cancel();
  loop.close();
  EXPECT_EQ(counts.live, 0);
  EXPECT_EQ(log.str(), "");
}

TEST_F(OnCancelTest, OutlivesTheLoopIfThePromiseIsPending) {
  d.on_cancel([probe = Probe(counts)] {});
  loop.close();
  EXPECT_EQ(counts.live, 1);
  d.resolve();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OnCancelTest, IsKeptThoughNobodyHoldsThePromise) {
  d.on_cancel(log.note("hook"));
  { const Promise<> dropped = d.promise(); }
  d.promise().cancel();
  run();
  EXPECT_EQ(log.str(), "hook");
}

// What it may do, and what it may hold.

TEST_F(OnCancelTest, CannotResolveAnyMore) {
  d.on_cancel([&] { EXPECT_FALSE(d.resolve()); });
  d.promise().cancel();
  run();
  EXPECT_EQ(d.promise().status(), cancelled());
}

TEST_F(OnCancelTest, CannotCancelAgain) {
  d.on_cancel([&] { EXPECT_FALSE(d.promise().cancel("again")); });
  d.promise().cancel();
  run();
  EXPECT_EQ(d.promise().status(), cancelled());
}

TEST_F(OnCancelTest, MayCancelAnother) {
  const Promise<> other = sleep(absl::Seconds(1));
  d.on_cancel([&](absl::Status reason) { EXPECT_TRUE(other.cancel(reason.message())); });
  d.promise().cancel("stop");
  run();
  EXPECT_EQ(other.status(), cancelled("stop"));
}

TEST_F(OnCancelTest, MayCancelAConsumerBeforeThatHears) {
  const Promise<> consumer = d.promise().then([] {}, log.note("error"));
  d.on_cancel([&] { EXPECT_TRUE(consumer.cancel()); });
  d.promise().cancel();
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(OnCancelTest, MayBeSetFromWithin) {
  d.on_cancel([&] { d.on_cancel(log.note("inner")); });
  d.promise().cancel();
  run();
  EXPECT_EQ(log.str(), "inner");
}

TEST_F(OnCancelTest, MayDropTheDeferred) {
  std::optional<Deferred<>> dropped(std::in_place);
  const Promise<> p = dropped->promise();
  dropped->on_cancel([&] { dropped.reset(); });
  p.cancel();
  run();
  EXPECT_EQ(p.status(), cancelled());
}

// For Deferreds that their own hooks hold.
class OwnedByItsHookTest : public LoopTest {
 protected:
  OwnedByItsHookTest() {
    auto owner = std::make_unique<Deferred<>>(std::move(made));
    d = owner.get();
    d->on_cancel([owner = std::move(owner), probe = Probe(counts)] {});
  }

  ProbeCounts counts;
  Deferred<> made;
  const Promise<> p = made.promise();
  Deferred<>* d;
};

TEST_F(OwnedByItsHookTest, ADeferredGoesWhenItsPromiseIsCancelled) {
  p.cancel();
  run();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OwnedByItsHookTest, ADeferredGoesWhenItIsResolved) {
  EXPECT_TRUE(d->resolve());
  EXPECT_TRUE(p.is_fulfilled());
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OwnedByItsHookTest, ADeferredGoesWhenItIsResolvedWithAnOutcome) {
  EXPECT_TRUE(d->resolve(absl::OkStatus()));
  EXPECT_TRUE(p.is_fulfilled());
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OwnedByItsHookTest, ADeferredGoesWhenItIsResolvedWithAPromise) {
  EXPECT_TRUE(d->resolve(sleep(absl::Seconds(1))));
  EXPECT_EQ(counts.live, 0);
  run();
  EXPECT_TRUE(p.is_fulfilled());
}

TEST_F(OwnedByItsHookTest, ADeferredGoesWhenItIsRejected) {
  EXPECT_TRUE(d->reject(error()));
  EXPECT_EQ(p.status(), error());
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OwnedByItsHookTest, ADeferredGoesWhenAnotherTakesThePlaceOfTheHook) {
  d->on_cancel([] {});
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(OnCancelTest, MayHoldADeferredWhoseHookHoldsADeferredAndSoOn) {
  for (int i = 0; i < 200'000; ++i) {
    d.promise().catch_([] {});
    Deferred<> next;
    next.on_cancel([held = std::move(d), probe = Probe(counts)] {});
    d = std::move(next);
  }
  d.resolve();
  EXPECT_EQ(counts.live, 0);
}

// Whether it is worth going on.

class IsAwaitedTest : public LoopTest {
 protected:
  ~IsAwaitedTest() override { d.resolve(); }

  Deferred<> d;
};

// KJ 9
TEST_F(IsAwaitedTest, NotIfNobodyHoldsThePromise) {
  EXPECT_FALSE(d.is_awaited());
  { const Promise<> dropped = d.promise(); }
  EXPECT_FALSE(d.is_awaited());
}

TEST_F(IsAwaitedTest, IfSomebodyHoldsThePromise) {
  const Promise<> p = d.promise();
  EXPECT_TRUE(d.is_awaited());
}

TEST_F(IsAwaitedTest, IfACallbackWaits) {
  d.promise().then([] {});
  EXPECT_TRUE(d.is_awaited());
}

TEST_F(IsAwaitedTest, IfAnotherDeferredFollows) {
  Deferred<> other;
  other.resolve(d.promise());
  run();
  EXPECT_TRUE(d.is_awaited());
}

TEST_F(IsAwaitedTest, NotIfItHasSettled) {
  const Promise<> p = d.promise();
  d.resolve();
  EXPECT_FALSE(d.is_awaited());
}

TEST_F(IsAwaitedTest, NotIfItHasBeenCancelled) {
  const Promise<> p = d.promise();
  p.cancel();
  EXPECT_FALSE(d.is_awaited());
}

TEST_F(IsAwaitedTest, NotAnyMoreIfThoseWhoWaitedHaveBeenCancelled) {
  shield(d.promise()).cancel();
  EXPECT_TRUE(d.promise().is_pending());
  EXPECT_FALSE(d.is_awaited());
}

TEST_F(IsAwaitedTest, IfItFollowsAndSomebodyHoldsThePromise) {
  const Promise<> p = d.promise();
  d.resolve(sleep(absl::Seconds(1)));
  EXPECT_TRUE(d.is_awaited());
}

TEST_F(IsAwaitedTest, NotIfItFollowsAndNobodyHoldsThePromise) {
  d.resolve(sleep(absl::Seconds(1)));
  EXPECT_FALSE(d.is_awaited());
}

TEST_F(IsAwaitedTest, NotIfItHasFollowedToTheEnd) {
  const Promise<> p = d.promise();
  d.resolve(sleep(absl::Seconds(1)));
  run();
  EXPECT_FALSE(d.is_awaited());
}

}  // namespace
}  // namespace vow
