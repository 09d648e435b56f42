#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/all_settled.h"
#include "promise/coroutine.h"
#include "promise/create_task.h"
#include "promise/promise.h"
#include "promise/race.h"
#include "promise/shield.h"
#include "promise/sleep.h"
#include "promise/unhandled_rejection.h"
#include "promise/when_all.h"
#include "promise/with_timeout.h"
#include "promise/yield.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

absl::Status error() { return absl::NotFoundError("e"); }

class CoroutineCancelTest : public LoopTest {
 public:
  CoroutineCancelTest() {
    previous_handler_ = on_unhandled_rejection(
        [this](const absl::Status& status, SourceLocation) { log.add(absl::StrCat("!", status.message())); });
  }
  ~CoroutineCancelTest() override { on_unhandled_rejection(std::move(previous_handler_)); }

  Promise<int> work(std::string name, int seconds = 1) {
    const Log::AtEnd end = log.at_end("~" + name);
    co_await sleep(absl::Seconds(seconds));
    log.add(name);
    co_return seconds;
  }

  // Hears of a cancel, and takes a second to clean up.
  Promise<> tidy() {
    const Log::AtEnd end = log.at_end("~tidy");
    const absl::Status status = co_await sleep(absl::Hours(1)).settled();
    log.add(absl::StrCat("hears:", status.message()));
    co_await sleep(absl::Seconds(1));
    log.add("cleaned");
  }

  void log_error(Promise<> promise) {
    std::move(promise).catch_([this](absl::Status status) { log.add(std::string(status.message())); });
  }

  absl::Duration elapsed() { return loop.now() - start_; }

 private:
  UnhandledRejectionHandler previous_handler_;
  const absl::Time start_ = loop.now();
};

using CoroutineCancelTravelsTest = CoroutineCancelTest;
using CoroutineCleanUpTest = CoroutineCancelTest;
using CoroutineCancelItselfTest = CoroutineCancelTest;
using CoroutineCancelReentryTest = CoroutineCancelTest;

// asyncio 139
TEST_F(CoroutineCancelTest, EndsItWhereItAwaits) {
  Promise<int> promise = work("a");
  EXPECT_TRUE(promise.cancel("enough"));
  EXPECT_EQ(log.str(), "~a");
  run();
  EXPECT_EQ(promise.status(), absl::CancelledError("enough"));
  EXPECT_EQ(elapsed(), absl::ZeroDuration());
}

// asyncio 143
TEST_F(CoroutineCancelTest, DoesNothingWhenItHasEnded) {
  Promise<int> promise = work("a");
  run();
  EXPECT_FALSE(promise.cancel());
  EXPECT_EQ(promise.value(), 1);
}

TEST_F(CoroutineCancelTest, AgainIsFalse) {
  Promise<int> promise = work("a");
  EXPECT_TRUE(promise.cancel());
  EXPECT_FALSE(promise.cancel());
}

TEST_F(CoroutineCancelTest, WhenWhatItAwaitsHasSettled) {
  Deferred<> deferred;
  const auto body = [&]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~");
    co_await deferred.promise();
    log.add("never");
  };
  Promise<> promise = body();
  deferred.resolve();
  EXPECT_TRUE(promise.cancel());
  run();
  EXPECT_EQ(log.str(), "~");
}

TEST_F(CoroutineCancelTest, WhenItHasReturnedAPromise) {
  const auto body = [this]() -> Promise<int> { co_return work("a"); };
  Promise<int> promise = body();
  poll();
  EXPECT_TRUE(promise.cancel());
  EXPECT_EQ(log.str(), "~a");
  run();
}

// asyncio 138
TEST_F(CoroutineCancelTest, BeforeItsFirstStep) {
  Promise<int> promise = create_task(&CoroutineCancelTest::work, this, "a", 1);
  promise.cancel();
  run();
  EXPECT_EQ(log.str(), "");
}

// asyncio 144
TEST_F(CoroutineCancelTest, WhoAwaitsItHearsOfIt) {
  Promise<int> inner = work("a");
  const auto outer = [](Promise<int> promise) -> Promise<> { co_await promise; };
  log_error(outer(inner));
  inner.cancel("enough");
  run();
  EXPECT_EQ(log.str(), "~a enough");
}

// ---- How far it goes ----

TEST_F(CoroutineCancelTravelsTest, ThroughCoroutinesToTheTimer) {
  const auto middle = [this]() -> Promise<int> {
    const Log::AtEnd end = log.at_end("~middle");
    co_return 1 + co_await work("inner");
  };
  const auto outer = [this, middle]() -> Promise<int> {
    const Log::AtEnd end = log.at_end("~outer");
    co_return 1 + co_await middle();
  };
  Promise<int> promise = outer();
  promise.cancel();
  EXPECT_EQ(log.str(), "~outer ~middle ~inner");
  run();
  EXPECT_EQ(elapsed(), absl::ZeroDuration());
}

TEST_F(CoroutineCancelTravelsTest, ThroughChains) {
  const auto outer = [this]() -> Promise<int> { co_return co_await work("a").then([](int x) { return x; }); };
  outer().cancel();
  EXPECT_EQ(log.str(), "~a");
  run();
}

TEST_F(CoroutineCancelTravelsTest, NotToWhatOthersHold) {
  Promise<int> shared = work("shared");
  const auto outer = [](Promise<int> promise) -> Promise<> { co_await promise; };
  outer(shared).cancel();
  run();
  EXPECT_EQ(log.str(), "shared ~shared");
}

TEST_F(CoroutineCancelTravelsTest, NotToWhatOthersAwait) {
  const auto outer = [this](Promise<int> promise, std::string name) -> Promise<> {
    const Log::AtEnd end = log.at_end("~" + name);
    co_await std::move(promise);
    log.add(name);
  };
  Promise<> first = resolve(), second = resolve();
  {
    Promise<int> shared = work("shared");
    first = outer(shared, "first");
    second = outer(shared, "second");
  }
  first.cancel();
  run();
  EXPECT_EQ(log.str(), "~first shared ~shared second ~second");
}

// asyncio 130
TEST_F(CoroutineCancelTravelsTest, NotThroughAShield) {
  const auto outer = [this]() -> Promise<> { co_await shield(work("a")); };
  outer().cancel();
  run();
  EXPECT_EQ(log.str(), "a ~a");
}

// asyncio 121
TEST_F(CoroutineCancelTravelsTest, FromATimeout) {
  const Promise<absl::StatusOr<int>> late = with_timeout(work("a", 5), absl::Seconds(1)).settled();
  run();
  EXPECT_EQ(log.str(), "~a");
  EXPECT_EQ(late.value().status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(elapsed(), absl::Seconds(1));
}

TEST_F(CoroutineCancelTravelsTest, FromALostRace) {
  std::vector<Promise<int>> both;
  both.push_back(work("slow", 2));
  both.push_back(work("quick", 1));
  race(std::move(both)).then([](int) {});
  run();
  EXPECT_EQ(log.str(), "quick ~quick ~slow");
  EXPECT_EQ(elapsed(), absl::Seconds(1));
}

TEST_F(CoroutineCancelTravelsTest, FromAFailedSibling) {
  const auto fail = []() -> Promise<> {
    co_await sleep(absl::Seconds(1));
    co_await error();
  };
  when_all(work("a", 5), fail()).then([](auto) {}).catch_([](absl::Status) {});
  run();
  EXPECT_EQ(log.str(), "~a");
  EXPECT_EQ(elapsed(), absl::Seconds(1));
}

// ---- Cleaning up ----

// asyncio 141: it may catch the cancellation and clean up; but its promise is rejected already.
TEST_F(CoroutineCleanUpTest, OneThatAwaitsAnOutcomeHearsOfItAndGoesOn) {
  Promise<> promise = tidy();
  promise.cancel("enough");
  EXPECT_EQ(promise.status(), absl::CancelledError("enough"));
  EXPECT_EQ(log.str(), "");
  run();
  EXPECT_EQ(log.str(), "hears:enough cleaned ~tidy");
  EXPECT_EQ(elapsed(), absl::Seconds(1));
}

TEST_F(CoroutineCleanUpTest, HearsBeforeItsConsumersDo) {
  Promise<> promise = tidy();
  log_error(promise);
  promise.cancel("enough");
  poll();
  EXPECT_EQ(log.str(), "hears:enough enough");
  run();
}

TEST_F(CoroutineCleanUpTest, WhatItAwaitedIsCancelled) {
  Deferred<> deferred;
  deferred.on_cancel(log.note("stopped"));
  const auto body = [&]() -> Promise<> {
    static_cast<void>(co_await deferred.promise().settled());
    log.add("goes-on");
  };
  body().cancel();
  run();
  EXPECT_EQ(log.str(), "goes-on stopped");
}

TEST_F(CoroutineCleanUpTest, WhatOthersHoldIsNot) {
  Promise<int> shared = work("shared");
  const auto body = [&]() -> Promise<> {
    const absl::StatusOr<int> outcome = co_await shared.settled();
    log.add(std::string(outcome.status().message()));
  };
  body().cancel("enough");
  run();
  EXPECT_EQ(log.str(), "enough shared ~shared");
}

TEST_F(CoroutineCleanUpTest, ATimeoutIsHeardOfAsCancelled) {
  log_error(with_timeout(tidy(), absl::Seconds(1)).catch_([](absl::Status status) {
    return status.code() == absl::StatusCode::kDeadlineExceeded ? absl::DeadlineExceededError("late") : status;
  }));
  run();
  EXPECT_EQ(log.str(), "hears:timed out late cleaned ~tidy");
}

TEST_F(CoroutineCleanUpTest, OnlyTheFirstAwaitHearsOfIt) {
  const auto body = [&]() -> Promise<> {
    const absl::Status first = co_await sleep(absl::Seconds(1)).settled();
    const absl::Status second = co_await sleep(absl::Seconds(1)).settled();
    log.add(absl::StrCat(first.ok(), second.ok()));
  };
  body().cancel();
  run();
  EXPECT_EQ(log.str(), "01");
}

TEST_F(CoroutineCleanUpTest, NestedOnesHearOfItEach) {
  const auto outer = [this]() -> Promise<> {
    const absl::Status status = co_await tidy().settled();
    log.add(absl::StrCat("outer:", status.message()));
  };
  outer().cancel("enough");
  run();
  EXPECT_EQ(log.str(), "outer:enough hears:enough cleaned ~tidy");
}

TEST_F(CoroutineCleanUpTest, WhatItReturnsIsDropped) {
  const auto body = []() -> Promise<int> {
    static_cast<void>(co_await sleep(absl::Seconds(1)).settled());
    co_return 5;
  };
  Promise<int> promise = body();
  promise.cancel();
  run();
  EXPECT_EQ(promise.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(CoroutineCleanUpTest, APromiseThatItReturnsIsCancelled) {
  const auto body = [this]() -> Promise<int> {
    static_cast<void>(co_await sleep(absl::Seconds(1)).settled());
    co_return work("a");
  };
  body().cancel();
  run();
  EXPECT_EQ(log.str(), "~a");
}

// asyncio 122: an error during the cleaning up is not lost.
TEST_F(CoroutineCleanUpTest, AnErrorThatItEndsWithIsReported) {
  const auto by_await = []() -> Promise<> {
    static_cast<void>(co_await sleep(absl::Seconds(1)).settled());
    co_await reject(absl::NotFoundError("await"));
  };
  const auto by_status = []() -> Promise<> {
    static_cast<void>(co_await sleep(absl::Seconds(1)).settled());
    co_await absl::NotFoundError("status");
  };
  const auto by_return = []() -> Promise<int> {
    static_cast<void>(co_await sleep(absl::Seconds(1)).settled());
    co_return absl::NotFoundError("return");
  };
  by_await().cancel();
  by_status().cancel();
  by_return().cancel();
  run();
  EXPECT_EQ(log.str(), "!status !return !await");
}

TEST_F(CoroutineCleanUpTest, ThatItWasCancelledIsNot) {
  const auto body = []() -> Promise<> { co_await (co_await sleep(absl::Seconds(1)).settled()); };
  body().cancel();
  run();
  EXPECT_EQ(log.str(), "");
}

#ifdef __cpp_exceptions
TEST_F(CoroutineCleanUpTest, AnExceptionIsReported) {
  const auto body = []() -> Promise<> {
    static_cast<void>(co_await sleep(absl::Seconds(1)).settled());
    throw absl::NotFoundError("thrown");
  };
  body().cancel();
  run();
  EXPECT_EQ(log.str(), "!thrown");
}
#endif

// ---- From within ----

// asyncio 142
TEST_F(CoroutineCancelItselfTest, EndsItAtItsNextAwait) {
  std::optional<Promise<>> self;
  const auto body = [&]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~");
    co_await yield();
    EXPECT_TRUE(self->cancel("by itself"));
    log.add("goes-on");
    co_await sleep(absl::Seconds(1));
    log.add("never");
  };
  self = body();
  run();
  EXPECT_EQ(log.str(), "goes-on ~");
  EXPECT_EQ(self->status(), absl::CancelledError("by itself"));
  EXPECT_EQ(elapsed(), absl::ZeroDuration());
}

TEST_F(CoroutineCancelItselfTest, IsHeardByTheAwaitOfAnOutcome) {
  std::optional<Promise<>> self;
  const auto body = [&]() -> Promise<> {
    co_await yield();
    self->cancel("by itself");
    const absl::Status status = co_await sleep(absl::Seconds(1)).settled();
    log.add(std::string(status.message()));
    co_await sleep(absl::Seconds(1));
    log.add("cleaned");
  };
  self = body();
  run();
  EXPECT_EQ(log.str(), "by itself cleaned");
  EXPECT_EQ(elapsed(), absl::Seconds(1));
}

TEST_F(CoroutineCancelItselfTest, CancelsWhatItAwaitsNext) {
  std::optional<Promise<>> self;
  const auto body = [&]() -> Promise<> {
    co_await yield();
    self->cancel();
    co_await work("a");
  };
  self = body();
  run();
  EXPECT_EQ(log.str(), "~a");
}

TEST_F(CoroutineCancelItselfTest, AndReturns) {
  std::optional<Promise<int>> self;
  const auto body = [&]() -> Promise<int> {
    co_await yield();
    self->cancel();
    co_return 5;
  };
  self = body();
  run();
  EXPECT_EQ(self->status().code(), absl::StatusCode::kCancelled);
}

TEST_F(CoroutineCancelItselfTest, AndReturnsAPromise) {
  std::optional<Promise<int>> self;
  const auto body = [&]() -> Promise<int> {
    co_await yield();
    self->cancel();
    co_return work("a");
  };
  self = body();
  run();
  EXPECT_EQ(log.str(), "~a");
}

// ---- By destructors ----

TEST_F(CoroutineCancelReentryTest, ALocalsDestructorCancelsItsOwnPromise) {
  std::optional<Promise<>> self;
  struct Cancels {
    std::optional<Promise<>>& promise;
    ~Cancels() { promise->cancel("from the destructor"); }
  };
  const auto body = [&]() -> Promise<> {
    const Cancels cancels{self};
    co_await yield();
    co_await error();
  };
  self = body();
  run();
  EXPECT_EQ(self->status(), absl::CancelledError("from the destructor"));
  EXPECT_EQ(log.str(), "!e");
}

TEST_F(CoroutineCancelReentryTest, ALocalsDestructorCancelsAfterTheReturn) {
  std::optional<Promise<int>> self;
  struct Cancels {
    std::optional<Promise<int>>& promise;
    Log& log;
    ~Cancels() { log.add(promise->cancel() ? "cancelled" : "too-late"); }
  };
  const auto body = [&]() -> Promise<int> {
    const Cancels cancels{self, log};
    co_await yield();
    co_return 5;
  };
  self = body();
  run();
  EXPECT_EQ(self->value(), 5);
  EXPECT_EQ(log.str(), "too-late");
}

TEST_F(CoroutineCancelReentryTest, ALocalsDestructorCancelsWhatWasReturned) {
  std::optional<Promise<int>> self;
  struct Cancels {
    std::optional<Promise<int>>& promise;
    ~Cancels() { promise->cancel(); }
  };
  const auto body = [&]() -> Promise<int> {
    const Cancels cancels{self};
    co_await yield();
    co_return work("a");
  };
  self = body();
  run();
  EXPECT_EQ(self->status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(log.str(), "~a");
}

TEST_F(CoroutineCancelReentryTest, ALocalsDestructorSettlesAnother) {
  Deferred<> other;
  other.promise().then(log.note("other"));
  const auto body = [&]() -> Promise<> {
    struct Settles {
      Deferred<>& deferred;
      ~Settles() { deferred.resolve(); }
    };
    const Settles settles{other};
    co_await sleep(absl::Seconds(1));
  };
  body().cancel();
  run();
  EXPECT_EQ(log.str(), "other");
}

TEST_F(CoroutineCancelReentryTest, ALocalsDestructorStartsACoroutine) {
  struct Starts {
    CoroutineCancelReentryTest& test;
    Promise<int> (*start)(CoroutineCancelReentryTest&);
    ~Starts() { start(test); }
  };
  const auto body = [&]() -> Promise<> {
    const Starts starts{*this, [](CoroutineCancelReentryTest& test) { return test.work("started"); }};
    co_await sleep(absl::Seconds(1));
  };
  body().cancel();
  run();
  EXPECT_EQ(log.str(), "started ~started");
}

TEST_F(CoroutineCancelReentryTest, EachOfTwoCancelsTheOther) {
  std::optional<Promise<>> first, second;
  struct Cancels {
    std::optional<Promise<>>& promise;
    ~Cancels() { promise->cancel(); }
  };
  const auto body = [&](std::optional<Promise<>>& other) -> Promise<> {
    const Cancels cancels{other};
    const Log::AtEnd end = log.at_end("~");
    co_await sleep(absl::Seconds(1));
  };
  first = body(second);
  second = body(first);
  first->cancel();
  EXPECT_EQ(log.str(), "~ ~");
  run();
}

}  // namespace
}  // namespace vow
