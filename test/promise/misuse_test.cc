// Mistakes in the program. Some end it, with a message that names the call and the line that it stands in; those that a
// program cannot foresee are an error.

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
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::HasSubstr;

using MovedFromDeathTest = LoopTest;
using OtherThreadDeathTest = LoopTest;
using ClosedLoopDeathTest = LoopTest;
using ValueDeathTest = LoopTest;
using DeferredDeathTest = LoopTest;
using MisuseTest = LoopTest;

using Unique = std::unique_ptr<int>;

absl::Status error() { return absl::NotFoundError("e"); }

// Leaves its argument behind as something that was moved from.
template <class T>
void move_from(T& from) {
  [[maybe_unused]] T elsewhere = std::move(from);
}

template <class F>
void on_another_thread(F f) {
  std::thread(f).join();
}

TEST_F(MovedFromDeathTest, TellsTheLineOfTheCall) {
  Promise<int> p = resolve(5);
  move_from(p);
  const std::string line = std::to_string(__LINE__ + 1);
  auto mistake = [&] { p.then([] {}); };
  EXPECT_DEATH(mistake(), "misuse_test.cc:" + line + ": vow: then\\(\\) on a Promise that was moved from");
}

// folly 81
TEST_F(MovedFromDeathTest, OperatorsOfAPromiseThatIsKept) {
  Promise<int> p = resolve(5);
  move_from(p);
  EXPECT_DEATH(p.then([] {}), "misuse_test.cc:[0-9]+: vow: then\\(\\) on a Promise that was moved from");
  EXPECT_DEATH(p.then([] {}, [] {}), "misuse_test.cc:[0-9]+: vow: then\\(\\) on a Promise that was moved from");
  EXPECT_DEATH(p.catch_([] { return 0; }), "misuse_test.cc:[0-9]+: vow: catch_\\(\\) on a Promise that was moved from");
  EXPECT_DEATH(p.finally([] {}), "misuse_test.cc:[0-9]+: vow: finally\\(\\) on a Promise that was moved from");
  EXPECT_DEATH(p.settled(), "misuse_test.cc:[0-9]+: vow: settled\\(\\) on a Promise that was moved from");
}

// folly 81
TEST_F(MovedFromDeathTest, OperatorsOfAPromiseThatIsGivenAway) {
  Promise<int> p = resolve(5);
  move_from(p);
  EXPECT_DEATH(std::move(p).then([] {}), "misuse_test.cc:[0-9]+: vow: then\\(\\) on a Promise that was moved from");
  EXPECT_DEATH(std::move(p).catch_([] { return 0; }), "misuse_test.cc:[0-9]+: vow: catch_\\(\\) on a Promise");
  EXPECT_DEATH(std::move(p).finally([] {}), "misuse_test.cc:[0-9]+: vow: finally\\(\\) on a Promise that was moved");
  EXPECT_DEATH(std::move(p).settled(), "misuse_test.cc:[0-9]+: vow: settled\\(\\) on a Promise that was moved from");
}

// folly 81
TEST_F(MovedFromDeathTest, QuestionsToAPromise) {
  Promise<int> p = resolve(5);
  move_from(p);
  EXPECT_DEATH(p.value(), "misuse_test.cc:[0-9]+: vow: value\\(\\) on a Promise that was moved from");
  EXPECT_DEATH(p.status().IgnoreError(), "misuse_test.cc:[0-9]+: vow: status\\(\\) on a Promise that was moved from");
  EXPECT_DEATH(p.is_pending(), "misuse_test.cc:[0-9]+: vow: is_pending\\(\\) on a Promise that was moved from");
  EXPECT_DEATH(p.is_fulfilled(), "misuse_test.cc:[0-9]+: vow: is_fulfilled\\(\\) on a Promise that was moved from");
  EXPECT_DEATH(p.is_rejected(), "misuse_test.cc:[0-9]+: vow: is_rejected\\(\\) on a Promise that was moved from");
}

// folly 81
TEST_F(MovedFromDeathTest, Deferred) {
  vow::Deferred<int> d;
  move_from(d);
  EXPECT_DEATH(d.resolve(5), "misuse_test.cc:[0-9]+: vow: resolve\\(\\) on a Deferred that was moved from");
  EXPECT_DEATH(d.reject(error()), "misuse_test.cc:[0-9]+: vow: reject\\(\\) on a Deferred that was moved from");
  EXPECT_DEATH(d.promise(), "misuse_test.cc:[0-9]+: vow: promise\\(\\) on a Deferred that was moved from");
}

TEST_F(MovedFromDeathTest, DeferredOfNothing) {
  vow::Deferred<> d;
  move_from(d);
  EXPECT_DEATH(d.resolve(), "misuse_test.cc:[0-9]+: vow: resolve\\(\\) on a Deferred that was moved from");
}

TEST_F(MovedFromDeathTest, PromiseThatADeferredIsResolvedWith) {
  vow::Deferred<int> d;
  Promise<int> p = resolve(5);
  move_from(p);
  EXPECT_DEATH(d.resolve(p), "misuse_test.cc:[0-9]+: vow: resolve\\(\\) .*moved from");
}

TEST_F(MovedFromDeathTest, PromiseThatACallbackReturns) {
  Promise<int> p = resolve(5);
  move_from(p);
  EXPECT_DEATH(
      {
        resolve().then([&] { return p; });
        run();
      },
      "misuse_test.cc:[0-9]+: vow: .*moved from");
}

TEST_F(MovedFromDeathTest, PromiseThatFinallyReturns) {
  Promise<int> p = resolve(5);
  move_from(p);
  EXPECT_DEATH(
      {
        resolve().finally([&] { return p; });
        run();
      },
      "misuse_test.cc:[0-9]+: vow: .*moved from");
}

TEST_F(MovedFromDeathTest, PromiseThatAttemptIsGiven) {
  Promise<int> p = resolve(5);
  move_from(p);
  EXPECT_DEATH(attempt([&] { return p; }), "misuse_test.cc:[0-9]+: vow: .*moved from");
}

TEST_F(MovedFromDeathTest, InputOfWhenAll) {
  std::vector<Promise<int>> promises = {resolve(5), resolve(6)};
  move_from(promises[1]);
  EXPECT_DEATH(when_all(promises), "misuse_test.cc:[0-9]+: vow: when_all\\(\\) on a Promise that was moved from");
}

TEST_F(MovedFromDeathTest, InputOfWhenAllOfAPack) {
  Promise<int> p = resolve(5);
  move_from(p);
  EXPECT_DEATH(when_all(resolve(5), p), "vow: when_all\\(\\) on a Promise that was moved from");
  EXPECT_DEATH(when_all(p, resolve(5)), "vow: when_all\\(\\) on a Promise that was moved from");
}

TEST_F(MovedFromDeathTest, RunUntilComplete) {
  Promise<> p = resolve();
  move_from(p);
  EXPECT_DEATH(run_until_complete(loop, p).IgnoreError(),
               "misuse_test.cc:[0-9]+: vow: run_until_complete\\(\\) on a Promise that was moved from");
}

TEST_F(OtherThreadDeathTest, Operators) {
  Promise<> p = resolve();
  EXPECT_DEATH(on_another_thread([&] { p.then([] {}); }),
               "misuse_test.cc:[0-9]+: vow: then\\(\\) on a promise whose event loop is another thread's");
  EXPECT_DEATH(on_another_thread([&] { p.catch_([] {}); }),
               "misuse_test.cc:[0-9]+: vow: catch_\\(\\) on a promise whose event loop is another thread's");
  EXPECT_DEATH(on_another_thread([&] { p.finally([] {}); }),
               "misuse_test.cc:[0-9]+: vow: finally\\(\\) on a promise whose event loop is another thread's");
  EXPECT_DEATH(on_another_thread([&] { p.settled(); }),
               "misuse_test.cc:[0-9]+: vow: settled\\(\\) on a promise whose event loop is another thread's");
}

// asyncio 89
TEST_F(OtherThreadDeathTest, ThatHasALoopOfItsOwn) {
  Promise<> p = resolve();
  EXPECT_DEATH(on_another_thread([&] {
                 EventLoop other({.clock = Clock::kVirtual});
                 p.then([] {});
               }),
               "misuse_test.cc:[0-9]+: vow: then\\(\\) on a promise whose event loop is another thread's");
}

TEST_F(OtherThreadDeathTest, WhenAll) {
  Promise<> p = resolve();
  EXPECT_DEATH(on_another_thread([&] {
                 EventLoop other({.clock = Clock::kVirtual});
                 when_all({p});
               }),
               "misuse_test.cc:[0-9]+: vow: when_all\\(\\) on a promise whose event loop is another thread's");
}

// asyncio 89
TEST_F(OtherThreadDeathTest, RunUntilComplete) {
  Promise<> p = resolve();
  EXPECT_DEATH(
      on_another_thread([&] {
        EventLoop other({.clock = Clock::kVirtual});
        run_until_complete(other, p).IgnoreError();
      }),
      "misuse_test.cc:[0-9]+: vow: run_until_complete\\(\\) on a promise whose event loop is another thread's");
}

TEST_F(OtherThreadDeathTest, Settling) {
  Deferred<int> d;
  EXPECT_DEATH(on_another_thread([&] { d.resolve(5); }),
               "misuse_test.cc:[0-9]+: vow: resolve\\(\\) on a promise whose event loop is another thread's");
  EXPECT_DEATH(on_another_thread([&] { d.reject(error()); }),
               "misuse_test.cc:[0-9]+: vow: reject\\(\\) on a promise whose event loop is another thread's");
}

TEST_F(OtherThreadDeathTest, DroppingAnUnsettledDeferred) {
  std::optional<Deferred<int>> d = Deferred<int>();
  EXPECT_DEATH(on_another_thread([&] { d.reset(); }), "misuse_test.cc:[0-9]+: vow: .*another thread's");
}

TEST_F(OtherThreadDeathTest, PromiseThatADeferredIsResolvedWith) {
  Promise<int> p = resolve(5);
  EXPECT_DEATH(on_another_thread([&] {
                 EventLoop other({.clock = Clock::kVirtual});
                 Deferred<int> d;
                 d.resolve(p);
               }),
               "misuse_test.cc:[0-9]+: vow: .*another thread's");
}

// asyncio 89
TEST_F(OtherThreadDeathTest, PromiseThatACallbackReturns) {
  Promise<int> p = resolve(5);
  EXPECT_DEATH(on_another_thread([&] {
                 EventLoop other({.clock = Clock::kVirtual});
                 resolve().then([&] { return p; });
                 other.run().IgnoreError();
               }),
               "misuse_test.cc:[0-9]+: vow: .*another thread's");
}

TEST_F(OtherThreadDeathTest, PromiseThatFinallyReturns) {
  Promise<int> p = resolve(5);
  EXPECT_DEATH(on_another_thread([&] {
                 EventLoop other({.clock = Clock::kVirtual});
                 resolve().finally([&] { return p; });
                 other.run().IgnoreError();
               }),
               "misuse_test.cc:[0-9]+: vow: .*another thread's");
}

TEST_F(ClosedLoopDeathTest, Operators) {
  Promise<> p = resolve();
  loop.close();
  EXPECT_DEATH(p.then([] {}), "misuse_test.cc:[0-9]+: vow: then\\(\\) on a promise whose event loop is closed");
  EXPECT_DEATH(p.catch_([] {}), "misuse_test.cc:[0-9]+: vow: catch_\\(\\) on a promise whose event loop is closed");
  EXPECT_DEATH(p.finally([] {}), "misuse_test.cc:[0-9]+: vow: finally\\(\\) on a promise whose event loop is closed");
  EXPECT_DEATH(p.settled(), "misuse_test.cc:[0-9]+: vow: settled\\(\\) on a promise whose event loop is closed");
}

// asyncio 89
TEST_F(ClosedLoopDeathTest, OperatorsWhenTheThreadHasAnotherLoop) {
  Promise<> p = resolve();
  loop.close();
  EventLoop next({.clock = Clock::kVirtual});
  EXPECT_DEATH(p.then([] {}), "misuse_test.cc:[0-9]+: vow: then\\(\\) on a promise whose event loop is closed");
  EXPECT_DEATH(when_all({p}), "misuse_test.cc:[0-9]+: vow: when_all\\(\\) on a promise whose event loop is closed");
  EXPECT_DEATH(run_until_complete(next, p).IgnoreError(),
               "misuse_test.cc:[0-9]+: vow: run_until_complete\\(\\) on a promise whose event loop is closed");
}

TEST_F(ClosedLoopDeathTest, PromiseThatADeferredOfTheNextLoopIsResolvedWith) {
  Deferred<int> old;
  loop.close();
  EventLoop next({.clock = Clock::kVirtual});
  Deferred<int> d;
  EXPECT_DEATH(
      {
        d.resolve(old.promise());
        next.run().IgnoreError();
      },
      "misuse_test.cc:[0-9]+: vow: .*closed");
}

TEST_F(ClosedLoopDeathTest, MakingAPromise) {
  loop.close();
  EXPECT_DEATH(resolve(5), "misuse_test.cc:[0-9]+: vow: a promise is made on a thread that has no event loop");
  EXPECT_DEATH(resolve(), "misuse_test.cc:[0-9]+: vow: a promise is made on a thread that has no event loop");
  EXPECT_DEATH(reject(error()), "misuse_test.cc:[0-9]+: vow: a promise is made on a thread that has no event loop");
  EXPECT_DEATH(Deferred<int>(), "misuse_test.cc:[0-9]+: vow: a promise is made on a thread that has no event loop");
  EXPECT_DEATH(attempt([] {}), "misuse_test.cc:[0-9]+: vow: a promise is made on a thread that has no event loop");
  EXPECT_DEATH(make_promise([](Deferred<>) {}), "misuse_test.cc:[0-9]+: vow: a promise is made on a thread that has");
  EXPECT_DEATH(sleep(absl::Seconds(1)), "misuse_test.cc:[0-9]+: vow: .*thread .*no event loop");
  EXPECT_DEATH(sleep_until(absl::UnixEpoch()), "misuse_test.cc:[0-9]+: vow: .*thread .*no event loop");
  EXPECT_DEATH(when_all(std::vector<Promise<int>>()), "misuse_test.cc:[0-9]+: vow: .*thread .*no event loop");
}

TEST_F(ClosedLoopDeathTest, ReturningAValueFromAFunctionThatPromisesOne) {
  loop.close();
  auto promising = []() -> Promise<int> { return 5; };
  EXPECT_DEATH(promising(), "misuse_test.cc:[0-9]+: vow: a promise is made on a thread that has no event loop");
}

TEST(NoLoopDeathTest, MakingAPromise) {
  EXPECT_DEATH(resolve(5), "misuse_test.cc:[0-9]+: vow: a promise is made on a thread that has no event loop");
  EXPECT_DEATH(Deferred<int>(), "misuse_test.cc:[0-9]+: vow: a promise is made on a thread that has no event loop");
}

// asyncio 79
TEST_F(ValueDeathTest, OfAPendingPromise) {
  Deferred<int> d;
  EXPECT_DEATH(d.promise().value(), "misuse_test.cc:[0-9]+: vow: value\\(\\) of a promise .*UNAVAILABLE.*pending");
}

TEST_F(ValueDeathTest, OfARejectedPromise) {
  Promise<int> p = reject<int>(error());
  EXPECT_DEATH(p.value(), "misuse_test.cc:[0-9]+: vow: value\\(\\) of a promise .*NOT_FOUND: e");
}

TEST_F(ValueDeathTest, OfARejectedPromiseOfNothing) {
  Promise<> p = reject(error());
  EXPECT_DEATH(p.value(), "misuse_test.cc:[0-9]+: vow: value\\(\\) of a promise .*NOT_FOUND: e");
}

TEST_F(DeferredDeathTest, GivesThePromiseOfAValueThatHasNoCopyOnce) {
  Deferred<Unique> d;
  Promise<Unique> p = d.promise();
  EXPECT_DEATH(d.promise(), "misuse_test.cc:[0-9]+: vow: promise\\(\\) a second time .*cannot be copied");
}

TEST_F(DeferredDeathTest, GivesThePromiseOfAValueThatHasNoCopyOnceAlsoWhenThatIsGone) {
  Deferred<Unique> d;
  { Promise<Unique> p = d.promise(); }
  EXPECT_DEATH(d.promise(), "misuse_test.cc:[0-9]+: vow: promise\\(\\) a second time .*cannot be copied");
}

TEST_F(DeferredDeathTest, OfMakePromiseHasGivenThePromiseOfAValueThatHasNoCopy) {
  EXPECT_DEATH(make_promise<Unique>([](Deferred<Unique> d) { d.promise(); }),
               "misuse_test.cc:[0-9]+: vow: promise\\(\\) a second time .*cannot be copied");
}

TEST_F(MisuseTest, RejectingWithAnOkStatusIsAnError) {
  Deferred<int> d;
  d.reject(absl::OkStatus());
  const absl::Status status = d.promise().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.ToString(), HasSubstr("misuse_test.cc:"));
  EXPECT_EQ(reject<int>(absl::OkStatus()).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(reject(absl::OkStatus()).status().code(), absl::StatusCode::kInternal);
}

TEST_F(MisuseTest, ReturningAnOkStatusWhereAValueIsDueIsAnError) {
  Promise<int> p = reject<int>(error()).catch_([] { return absl::OkStatus(); });
  Promise<int> q = reject(error()).then([] { return 1; }, [] { return absl::OkStatus(); });
  run();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(q.status().code(), absl::StatusCode::kInternal);
}

// asyncio 90
TEST_F(MisuseTest, ResolvingAPromiseWithItselfIsAnError) {
  const std::string line = std::to_string(__LINE__ + 1);
  Deferred<int> d;
  EXPECT_TRUE(d.resolve(d.promise()));
  const absl::Status status = d.promise().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.ToString(), HasSubstr("chaining cycle"));
  EXPECT_THAT(status.ToString(), HasSubstr("misuse_test.cc:" + line));
}

// asyncio 90
TEST_F(MisuseTest, ReturningItsOwnPromiseFromACallbackIsAnError) {
  std::optional<Promise<int>> p, q;
  p = resolve().then([&] { return *p; });
  q = reject<int>(error()).catch_([&] { return *q; });
  run();
  EXPECT_THAT(p->status().ToString(), HasSubstr("chaining cycle"));
  EXPECT_THAT(q->status().ToString(), HasSubstr("chaining cycle"));
}

TEST_F(MisuseTest, ReturningItsOwnPromiseFromFinallyIsAnError) {
  std::optional<Promise<int>> p;
  p = resolve(5).finally([&] { return *p; });
  run();
  EXPECT_THAT(p->status().ToString(), HasSubstr("chaining cycle"));
}

TEST_F(MisuseTest, DroppingADeferredIsAnErrorThatNamesItsPlace) {
  const std::string line = std::to_string(__LINE__ + 1);
  Promise<> p = make_promise([](Deferred<>) {});
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(p.status().ToString(), HasSubstr("broken promise"));
  EXPECT_THAT(p.status().ToString(), HasSubstr("misuse_test.cc:" + line));
}

TEST_F(MisuseTest, RunningARunningLoopIsAnError) {
  absl::StatusOr<int> inner = 0;
  loop.call_soon([&] { inner = run_until_complete(loop, resolve(5)); });
  run();
  EXPECT_EQ(inner.status().code(), absl::StatusCode::kFailedPrecondition);
}

// asyncio 26
TEST_F(MisuseTest, RunInsideOfACallbackIsAnError) {
  absl::Status inner;
  resolve().then([&] { inner = vow::run([] {}, {.clock = Clock::kVirtual}); });
  run();
  EXPECT_EQ(inner.code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MisuseTest, WaitingForWhatNothingCanSettleIsAnErrorThatNamesItsPlace) {
  const std::string line = std::to_string(__LINE__ + 1);
  Deferred<int> d;
  const absl::Status status = run_until_complete(loop, d.promise()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(status.ToString(), HasSubstr("misuse_test.cc:" + line));
  EXPECT_TRUE(d.promise().is_pending());
}

TEST_F(MisuseTest, WaitingForAChainThatNothingCanSettleIsAnError) {
  Deferred<int> d;
  const std::string line = std::to_string(__LINE__ + 1);
  Promise<> p = d.promise().then([] {});
  const absl::Status status = run_until_complete(loop, p);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(status.ToString(), HasSubstr("misuse_test.cc:" + line));
}

// asyncio 30
TEST_F(MisuseTest, WaitingForWhatCouldNotBeSettledLeavesItAsItWas) {
  Deferred<int> d;
  EXPECT_EQ(run_until_complete(loop, d.promise()).status().code(), absl::StatusCode::kAborted);
  d.promise().then([&](int x) { log.add(x); });
  d.resolve(5);
  EXPECT_EQ(*run_until_complete(loop, d.promise()), 5);
  EXPECT_EQ(log.str(), "5");
}

// asyncio 24
TEST_F(MisuseTest, StoppingBeforeItHasSettledIsAnErrorThatNamesItsPlace) {
  const std::string line = std::to_string(__LINE__ + 1);
  Promise<> p = sleep(absl::Seconds(2));
  loop.call_later(absl::Seconds(1), [&] { loop.stop(); });
  const absl::Status status = run_until_complete(loop, p);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(status.ToString(), HasSubstr("stopped"));
  EXPECT_THAT(status.ToString(), HasSubstr("misuse_test.cc:" + line));
}

}  // namespace
}  // namespace vow
