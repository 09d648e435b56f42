#include "promise/coroutine.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/all_settled.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "promise/yield.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

absl::Status error() { return absl::NotFoundError("e"); }

class CoroutineTest : public LoopTest {
 protected:
  Promise<int> square(int x) {
    co_await sleep(absl::Seconds(1));
    co_return x* x;
  }

  // Runs until f's promise has settled; gives its outcome.
  template <class F>
  auto outcome_of(F f) {
    auto outcome = f().settled();
    run();
    return outcome.value();
  }
};

using CoroutineAwaitTest = CoroutineTest;
using CoroutineReturnTest = CoroutineTest;
using CoroutineErrorTest = CoroutineTest;
using CoroutineLifetimeTest = CoroutineTest;

TEST_F(CoroutineTest, RunsAtOnceUpToItsFirstAwait) {
  const auto body = [](Log& words) -> Promise<> {
    words.add("begins");
    co_await resolve();
    words.add("goes-on");
  };
  body(log);
  log.add("called");
  run();
  EXPECT_EQ(log.str(), "begins called goes-on");
}

TEST_F(CoroutineTest, IsSettledWhenItReturnsIfItNeverWaits) {
  const auto body = []() -> Promise<int> { co_return 5; };
  EXPECT_EQ(body().value(), 5);
}

TEST_F(CoroutineTest, TakesTheTimeOfWhatItAwaits) {
  const absl::Time start = loop.now();
  const auto body = [this]() -> Promise<int> {
    const int four = co_await square(2);
    co_return four + co_await square(3);
  };
  EXPECT_EQ(outcome_of(body).value(), 13);
  EXPECT_EQ(loop.now() - start, absl::Seconds(2));
}

TEST_F(CoroutineTest, SeveralRunAtATime) {
  const absl::Time start = loop.now();
  const auto body = [this]() -> Promise<int> {
    const auto [four, nine] = co_await when_all(square(2), square(3));
    co_return four + nine;
  };
  EXPECT_EQ(outcome_of(body).value(), 13);
  EXPECT_EQ(loop.now() - start, absl::Seconds(1));
}

TEST_F(CoroutineTest, CanBeChained) {
  square(2).then([](int x) { return x + 1; }).then([this](int x) { log.add(x); });
  run();
  EXPECT_EQ(log.str(), "5");
}

TEST_F(CoroutineTest, MayBeGenericOrAMember) {
  const auto twice = [](auto x) -> Promise<decltype(x)> {
    co_await yield();
    co_return x + x;
  };
  struct Counter {
    int value = 5;
    Promise<int> get() const {
      co_await yield();
      co_return value;
    }
  };
  Counter counter;
  const Promise<std::string> text = twice(std::string("ab"));
  const Promise<int> value = counter.get();
  run();
  EXPECT_EQ(text.value(), "abab");
  EXPECT_EQ(value.value(), 5);
}

TEST_F(CoroutineTest, ManyMayAwaitTheSamePromise) {
  Deferred<int> deferred;
  Promise<int> promise = deferred.promise();
  const auto wait = [](Promise<int> shared, Log& words) -> Promise<> { words.add(co_await shared); };
  for (int i = 0; i < 3; ++i) wait(promise, log);
  deferred.resolve(7);
  run();
  EXPECT_EQ(log.str(), "7 7 7");
}

TEST_F(CoroutineTest, MayAwaitTheSamePromiseAgain) {
  const auto body = []() -> Promise<int> {
    const Promise<int> promise = resolve(2);
    int sum = 0;
    for (int i = 0; i < 3; ++i) sum += co_await promise;
    co_return sum;
  };
  EXPECT_EQ(outcome_of(body).value(), 6);
}

TEST_F(CoroutineTest, AwaitsInEveryKindOfStatement) {
  const auto body = []() -> Promise<std::string> {
    std::string text;
    for (int i = 0; i < co_await resolve(2); ++i) absl::StrAppend(&text, "f");
    if (co_await resolve(true)) absl::StrAppend(&text, "i");
    switch (co_await resolve(1)) {
      case 1:
        absl::StrAppend(&text, "s");
    }
    int left = 2;
    while (left > co_await resolve(0)) absl::StrAppend(&text, left--);
    co_return text + (co_await resolve(false) ? "yes" : "no");
  };
  EXPECT_EQ(outcome_of(body).value(), "ffis21no");
}

// ---- What can be awaited ----

TEST_F(CoroutineAwaitTest, APromiseThatIsKeptLendsItsValue) {
  ProbeCounts counts;
  const auto body = [](ProbeCounts& probes) -> Promise<> {
    const Promise<Probe> promise = resolve(Probe(probes));
    const Probe& lent = co_await promise;
    EXPECT_EQ(&lent, &promise.value());
  };
  body(counts);
  run();
  EXPECT_EQ(counts.copies, 0);
}

TEST_F(CoroutineAwaitTest, APromiseThatIsGivenAwayGivesItsValue) {
  ProbeCounts counts;
  const auto body = [](ProbeCounts& probes) -> Promise<> {
    Promise<Probe> promise = resolve(Probe(probes));
    const Probe mine = co_await std::move(promise);
    EXPECT_TRUE(mine.is_whole());
  };
  body(counts);
  run();
  EXPECT_EQ(counts.copies, 0);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CoroutineAwaitTest, AValueThatOthersCanSeeIsCopied) {
  ProbeCounts counts;
  Promise<Probe> shared = resolve(Probe(counts));
  const auto body = [](Promise<Probe> promise) -> Promise<> { co_await std::move(promise); };
  body(shared);
  run();
  EXPECT_EQ(counts.copies, 1);
  EXPECT_TRUE(shared.value().is_whole());
}

TEST_F(CoroutineAwaitTest, AValueThatCannotBeCopied) {
  const auto body = []() -> Promise<int> {
    const Promise<std::unique_ptr<int>> kept = resolve(std::make_unique<int>(2));
    const int lent = *co_await kept;
    const std::unique_ptr<int> mine = co_await resolve(std::make_unique<int>(3));
    co_return lent + *mine;
  };
  EXPECT_EQ(outcome_of(body).value(), 5);
}

TEST_F(CoroutineAwaitTest, APromiseOfNothing) {
  const auto body = []() -> Promise<> {
    const Promise<> kept = resolve();
    co_await kept;
    co_await resolve();
  };
  EXPECT_EQ(outcome_of(body), absl::OkStatus());
}

TEST_F(CoroutineAwaitTest, AnOutcomeAsAValue) {
  const auto body = []() -> Promise<std::string> {
    const absl::StatusOr<int> value = co_await resolve(2).settled();
    const absl::StatusOr<int> failure = co_await reject<int>(error()).settled();
    const absl::Status status = co_await reject(error()).settled();
    co_return absl::StrCat(*value, " ", failure.status().message(), " ", status.message());
  };
  EXPECT_EQ(outcome_of(body).value(), "2 e e");
}

TEST_F(CoroutineAwaitTest, AnOutcomeOfAPromiseThatIsKept) {
  const auto body = []() -> Promise<int> {
    const Promise<int> promise = resolve(2);
    const Promise<absl::StatusOr<int>> outcome = promise.settled();
    co_return *co_await outcome + promise.value();
  };
  EXPECT_EQ(outcome_of(body).value(), 4);
}

TEST_F(CoroutineAwaitTest, AStatusThatIsOkIsPassed) {
  const auto body = []() -> Promise<int> {
    co_await absl::OkStatus();
    const absl::Status kept;
    co_await kept;
    co_return 1;
  };
  EXPECT_EQ(outcome_of(body).value(), 1);
}

TEST_F(CoroutineAwaitTest, AStatusOrGivesItsValue) {
  const auto body = []() -> Promise<int> {
    absl::StatusOr<int> kept = 1;
    const absl::StatusOr<int> constant = 2;
    co_return co_await kept + co_await constant + co_await absl::StatusOr<int>(3);
  };
  EXPECT_EQ(outcome_of(body).value(), 6);
}

TEST_F(CoroutineAwaitTest, AStatusOrOfWhatCannotBeCopied) {
  const auto body = []() -> Promise<int> {
    absl::StatusOr<std::unique_ptr<int>> made = std::make_unique<int>(5);
    const std::unique_ptr<int> mine = co_await std::move(made);
    co_return *mine;
  };
  EXPECT_EQ(outcome_of(body).value(), 5);
}

// ---- What can be returned ----

TEST_F(CoroutineReturnTest, AValue) {
  const auto body = []() -> Promise<std::string> { co_return "text"; };
  EXPECT_EQ(outcome_of(body).value(), "text");
}

TEST_F(CoroutineReturnTest, AValueIsMovedOnce) {
  ProbeCounts counts;
  const auto body = [](ProbeCounts& probes) -> Promise<Probe> {
    Probe probe(probes);
    co_return probe;
  };
  body(counts);
  EXPECT_EQ(counts.copies, 0);
  EXPECT_EQ(counts.moves, 1);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CoroutineReturnTest, AnError) {
  const auto body = []() -> Promise<int> { co_return error(); };
  EXPECT_EQ(outcome_of(body).status(), error());
}

TEST_F(CoroutineReturnTest, AValueOrAnError) {
  const auto body = [](bool good) -> Promise<int> {
    absl::StatusOr<int> outcome = error();
    if (good) outcome = 5;
    co_return outcome;
  };
  EXPECT_EQ(outcome_of([&] { return body(true); }).value(), 5);
  EXPECT_EQ(outcome_of([&] { return body(false); }).status(), error());
}

TEST_F(CoroutineReturnTest, APromise) {
  const auto body = [this]() -> Promise<int> { co_return square(3); };
  EXPECT_EQ(outcome_of(body).value(), 9);
}

TEST_F(CoroutineReturnTest, APromiseThatIsKept) {
  const Promise<int> kept = square(3);
  const auto body = [](Promise<int> promise) -> Promise<int> { co_return promise; };
  EXPECT_EQ(outcome_of([&] { return body(kept); }).value(), 9);
}

TEST_F(CoroutineReturnTest, ARejectedPromise) {
  const auto body = []() -> Promise<int> { co_return reject<int>(error()); };
  EXPECT_EQ(outcome_of(body).status(), error());
}

TEST_F(CoroutineReturnTest, NothingInTheMiddle) {
  const auto body = [](Log& words) -> Promise<> {
    co_await yield();
    words.add("before");
    if (words.str() == "before") co_return;
    words.add("never");
  };
  EXPECT_EQ(outcome_of([&] { return body(log); }), absl::OkStatus());
  EXPECT_EQ(log.str(), "before");
}

// ---- Errors ----

TEST_F(CoroutineErrorTest, ARejectionEndsItWithTheSameStatus) {
  absl::Status rejection = absl::DataLossError("torn");
  rejection.SetPayload("url", absl::Cord("payload"));
  const auto body = [&]() -> Promise<int> {
    co_await reject(rejection);
    log.add("never");
    co_return 1;
  };
  EXPECT_EQ(outcome_of(body).status(), rejection);
  EXPECT_EQ(log.str(), "");
}

TEST_F(CoroutineErrorTest, DestroysTheLocalsTheLastOneFirstAndThenRejects) {
  Deferred<> deferred;
  const auto body = [&]() -> Promise<> {
    const Log::AtEnd first = log.at_end("~first");
    const Log::AtEnd second = log.at_end("~second");
    co_await deferred.promise();
    log.add("never");
  };
  Promise<> promise = body();
  promise.catch_([this](absl::Status) { log.add("rejected"); });
  deferred.reject(error());
  EXPECT_TRUE(promise.is_pending());
  run();
  EXPECT_EQ(log.str(), "~second ~first rejected");
}

TEST_F(CoroutineErrorTest, ALocalsDestructorSeesThePromisePending) {
  std::optional<Promise<>> promise;
  struct Looks {
    std::optional<Promise<>>& promise;
    Log& log;
    ~Looks() { log.add(promise->is_pending() ? "pending" : "settled"); }
  };
  const auto body = [&]() -> Promise<> {
    const Looks looks{promise, log};
    co_await yield();
    co_await error();
  };
  promise = body();
  promise->catch_([](absl::Status) {});
  run();
  EXPECT_EQ(log.str(), "pending");
}

TEST_F(CoroutineErrorTest, PassesThroughThoseWhoAwaitIt) {
  const auto inner = [&]() -> Promise<int> {
    const Log::AtEnd end = log.at_end("~inner");
    co_await yield();
    co_await error();
    co_return 1;
  };
  const auto outer = [&]() -> Promise<int> {
    const Log::AtEnd end = log.at_end("~outer");
    co_return 1 + co_await inner();
  };
  EXPECT_EQ(outcome_of(outer).status(), error());
  EXPECT_EQ(log.str(), "~inner ~outer");
}

TEST_F(CoroutineErrorTest, AStatusEndsItAtOnceInItsFirstStep) {
  const auto body = [&]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~local");
    co_await error();
    log.add("never");
  };
  const Promise<> promise = body();
  EXPECT_EQ(promise.status(), error());
  EXPECT_EQ(log.str(), "~local");
}

TEST_F(CoroutineErrorTest, AStatusOrEndsIt) {
  const auto body = []() -> Promise<int> {
    const absl::StatusOr<int> bad = error();
    co_return co_await bad;
  };
  const auto later = []() -> Promise<int> {
    co_await yield();
    co_return co_await absl::StatusOr<int>(error());
  };
  EXPECT_EQ(outcome_of(body).status(), error());
  EXPECT_EQ(outcome_of(later).status(), error());
}

TEST_F(CoroutineErrorTest, TemporariesOfTheAwaitAreDestroyed) {
  ProbeCounts counts;
  const auto fail = [](const Probe&) { return reject(error()); };
  const auto body = [&]() -> Promise<> { co_await fail(Probe(counts)); };
  EXPECT_EQ(outcome_of(body), error());
  EXPECT_EQ(counts.live, 0);
}

#ifdef __cpp_exceptions
TEST_F(CoroutineErrorTest, AnExceptionRejects) {
  const auto body = [&](bool waits) -> Promise<> {
    const Log::AtEnd end = log.at_end("~");
    if (waits) co_await yield();
    throw std::runtime_error("thrown");
  };
  EXPECT_EQ(outcome_of([&] { return body(false); }), absl::UnknownError("std::runtime_error: thrown"));
  EXPECT_EQ(outcome_of([&] { return body(true); }), absl::UnknownError("std::runtime_error: thrown"));
  EXPECT_EQ(log.str(), "~ ~");
}

TEST_F(CoroutineErrorTest, AStatusThatIsThrownIsItself) {
  const auto body = []() -> Promise<int> {
    co_await yield();
    throw error();
  };
  EXPECT_EQ(outcome_of(body).status(), error());
}

TEST_F(CoroutineErrorTest, AnExceptionCanBeCaughtWithinIt) {
  const auto body = []() -> Promise<int> {
    int caught = 0;
    try {
      co_await yield();
      throw 5;
    } catch (int thrown) {
      caught = thrown;
    }
    co_await yield();
    co_return caught;
  };
  EXPECT_EQ(outcome_of(body).value(), 5);
}

TEST_F(CoroutineErrorTest, AParameterThatCannotBeCopiedThrowsFromTheCall) {
  struct Throws {
    Throws() = default;
    Throws(const Throws&) { throw 1; }
  };
  const auto body = [](Throws) -> Promise<> { co_return; };
  const Throws throws;
  EXPECT_THROW(body(throws), int);
}
#endif

// ---- Lifetime ----

TEST_F(CoroutineLifetimeTest, ParametersLiveAsLongAsItRuns) {
  ProbeCounts counts;
  const auto body = [](Probe) -> Promise<> { co_await yield(); };
  const Promise<> promise = body(Probe(counts));
  EXPECT_EQ(counts.live, 1);
  run();
  EXPECT_TRUE(promise.is_fulfilled());
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CoroutineLifetimeTest, ParametersAreDestroyedWhenItEndsByAnError) {
  ProbeCounts counts;
  const auto body = [](Probe) -> Promise<> { co_await reject(error()); };
  const Promise<> promise = body(Probe(counts));
  promise.catch_([](absl::Status) {});
  run();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CoroutineLifetimeTest, RunsOnWhenItsPromiseIsDropped) {
  const auto body = [](Log& words) -> Promise<> {
    co_await sleep(absl::Seconds(1));
    words.add("done");
  };
  body(log);
  run();
  EXPECT_EQ(log.str(), "done");
}

TEST_F(CoroutineLifetimeTest, WhatItAwaitsMayBeDroppedMeanwhile) {
  std::optional<Promise<int>> shared = square(3);
  const auto body = [](std::optional<Promise<int>>& promise, Log& words) -> Promise<> { words.add(co_await *promise); };
  body(shared, log);
  shared.reset();
  run();
  EXPECT_EQ(log.str(), "9");
}

TEST_F(CoroutineLifetimeTest, AnOverAlignedValue) {
  struct alignas(64) Wide {
    int value;
  };
  const auto body = []() -> Promise<Wide> {
    co_await yield();
    co_return Wide{5};
  };
  const Promise<Wide> promise = body();
  run();
  EXPECT_EQ(promise.value().value, 5);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&promise.value()) % 64, 0u);
}

TEST_F(CoroutineLifetimeTest, ALargeFrame) {
  const auto body = [](int seed) -> Promise<int> {
    int numbers[1000] = {};
    numbers[seed] = seed;
    co_await yield();
    co_return numbers[seed];
  };
  const Promise<int> promise = body(7);
  run();
  EXPECT_EQ(promise.value(), 7);
}

}  // namespace
}  // namespace vow
