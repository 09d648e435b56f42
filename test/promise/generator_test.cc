#include "promise/generator.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/as_completed.h"
#include "promise/coroutine.h"
#include "promise/interval.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "promise/unhandled_rejection.h"
#include "promise/with_timeout.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using testing::HasSubstr;

class GeneratorTest : public LoopTest {
 protected:
  AsyncGenerator<int> count_to(int last) {
    const Log::AtEnd end = log.at_end("~");
    for (int i = 1; i <= last; ++i) {
      log.add(absl::StrCat("yields-", i));
      co_yield i;
    }
  }

  // A second before each.
  AsyncGenerator<int> slowly_count_to(int last) {
    const Log::AtEnd end = log.at_end("~");
    for (int i = 1; i <= last; ++i) {
      co_await sleep(absl::Seconds(1));
      co_yield i;
    }
  }

  // Logs what each stream gives, in whichever header it was made.
  template <class Stream>
  Promise<> log_all(Stream stream) {
    while (auto item = co_await stream.next()) log.add(text(*item));
    log.add("end");
  }
  static std::string text(int item) { return std::to_string(item); }
  static std::string text(const Completion<int>& item) { return absl::StrCat(item.index, ":", item.outcome.value()); }

  void log_next(AsyncGenerator<int>& generator) {
    generator.next().then([this](std::optional<int> item) { log.add(item.has_value() ? *item : 0); },
                          [this](absl::Status error) { log.add(std::string(error.message())); });
  }

  absl::Duration elapsed() { return loop.now() - start_; }

 private:
  const absl::Time start_ = loop.now();
};

using GeneratorErrorTest = GeneratorTest;
using GeneratorCancelTest = GeneratorTest;
using GeneratorLifetimeTest = GeneratorTest;

TEST_F(GeneratorTest, GivesOneValueAfterTheOtherAndThenTheEnd) {
  log_all(count_to(3));
  run();
  EXPECT_EQ(log.str(), "yields-1 1 yields-2 2 yields-3 3 ~ end");
}

TEST_F(GeneratorTest, DoesNotRunBeforeItIsAsked) {
  AsyncGenerator<int> numbers = count_to(3);
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(GeneratorTest, RunsWithinNextUpToItsFirstYield) {
  AsyncGenerator<int> numbers = count_to(3);
  Promise<std::optional<int>> first = numbers.next();
  EXPECT_EQ(log.str(), "yields-1");
  EXPECT_EQ(first.value(), 1);
}

TEST_F(GeneratorTest, AnswersInTheNextMicrotask) {
  AsyncGenerator<int> numbers = count_to(1);
  log_next(numbers);
  loop.queue_microtask(log.note("second"));
  run();
  EXPECT_EQ(log.str(), "yields-1 1 second");
}

TEST_F(GeneratorTest, GivesTheEndAgainAndAgain) {
  AsyncGenerator<int> numbers = count_to(0);
  EXPECT_EQ(numbers.next().value(), std::nullopt);
  EXPECT_EQ(numbers.next().value(), std::nullopt);
}

TEST_F(GeneratorTest, MayWaitInBetween) {
  log_all(slowly_count_to(3));
  run();
  EXPECT_EQ(log.str(), "1 2 3 ~ end");
  EXPECT_EQ(elapsed(), absl::Seconds(3));
}

TEST_F(GeneratorTest, GivesWhatOtherGeneratorsGive) {
  const auto doubled = [](AsyncGenerator<int> numbers) -> AsyncGenerator<int> {
    while (std::optional<int> number = co_await numbers.next()) co_yield 2 * *number;
  };
  log_all(doubled(doubled(slowly_count_to(3))));
  run();
  EXPECT_EQ(log.str(), "4 8 12 ~ end");
}

TEST_F(GeneratorTest, SpeaksAsAsCompletedAndIntervalDo) {
  std::vector<Promise<int>> promises;
  promises.push_back(resolve(7));
  log_all(as_completed(std::move(promises)));
  Interval ticks = interval(absl::Seconds(1));
  ticks.next().then([this](std::optional<std::int64_t> tick) { log.add(absl::StrCat("tick-", *tick)); });
  run();
  EXPECT_EQ(log.str(), "0:7 end tick-1");
}

TEST_F(GeneratorTest, GivesValuesThatCannotBeCopied) {
  const auto make = []() -> AsyncGenerator<std::unique_ptr<int>> { co_yield std::make_unique<int>(5); };
  AsyncGenerator<std::unique_ptr<int>> pointers = make();
  pointers.next().then([this](std::optional<std::unique_ptr<int>> pointer) { log.add(**pointer); });
  run();
  EXPECT_EQ(log.str(), "5");
}

TEST_F(GeneratorTest, ConvertsWhatIsYielded) {
  const auto make = []() -> AsyncGenerator<std::string> { co_yield "text"; };
  AsyncGenerator<std::string> texts = make();
  EXPECT_EQ(texts.next().value(), "text");
}

TEST_F(GeneratorTest, GivesOverAlignedValues) {
  struct alignas(64) Wide {
    int value;
  };
  const auto make = []() -> AsyncGenerator<Wide> { co_yield Wide{5}; };
  AsyncGenerator<Wide> wide = make();
  EXPECT_EQ(wide.next().value()->value, 5);
}

TEST_F(GeneratorTest, MovesAValueNoMoreThanNeeded) {
  ProbeCounts counts;
  const auto make = [](ProbeCounts& probes) -> AsyncGenerator<Probe> { co_yield Probe(probes); };
  {
    AsyncGenerator<Probe> probes = make(counts);
    probes.next().then([](std::optional<Probe>) {});
    run();
  }
  EXPECT_EQ(counts.copies, 0);
  EXPECT_LE(counts.moves, 2);  // Into the promise, and out of it.
  EXPECT_EQ(counts.live, 0);
}

TEST_F(GeneratorTest, ManyValuesNeedNoStack) {
  constexpr int kMany = 1'000'000;
  const auto numbers = []() -> AsyncGenerator<int> {
    for (int i = 0; i < kMany; ++i) co_yield 1;
  };
  const auto add = [](AsyncGenerator<int> ones) -> Promise<int> {
    int sum = 0;
    while (std::optional<int> one = co_await ones.next()) sum += *one;
    co_return sum;
  };
  Promise<int> sum = add(numbers());
  run();
  EXPECT_EQ(sum.value(), kMany);
}

// ---- Asking in advance ----

TEST_F(GeneratorTest, WhoAsksFirstIsAnsweredFirst) {
  AsyncGenerator<int> numbers = slowly_count_to(2);
  for (int i = 0; i < 4; ++i) log_next(numbers);
  run();
  EXPECT_EQ(log.str(), "1 ~ 2 0 0");
  EXPECT_EQ(elapsed(), absl::Seconds(2));
}

TEST_F(GeneratorTest, WhatWasAskedForInAdvanceIsGivenWithoutAPause) {
  AsyncGenerator<int> numbers = count_to(3);
  Promise<> gate = sleep(absl::Seconds(1));
  const auto gated = [](Promise<> open, AsyncGenerator<int> inner) -> AsyncGenerator<int> {
    co_await open;
    while (std::optional<int> number = co_await inner.next()) co_yield *number;
  };
  AsyncGenerator<int> late = gated(gate, std::move(numbers));
  for (int i = 0; i < 4; ++i) log_next(late);
  run();
  EXPECT_EQ(log.str(), "yields-1 yields-2 1 yields-3 2 ~ 3 0");
}

TEST_F(GeneratorTest, TheBodyItselfMayAsk) {
  std::optional<AsyncGenerator<int>> numbers;
  const auto body = [](std::optional<AsyncGenerator<int>>& self,
                       std::function<void(AsyncGenerator<int>&)> ask) -> AsyncGenerator<int> {
    ask(*self);
    co_yield 1;
    co_yield 2;
  };
  numbers.emplace(body(numbers, [this](AsyncGenerator<int>& generator) { log_next(generator); }));
  Promise<std::optional<int>> first = numbers->next();
  run();
  EXPECT_EQ(first.value(), 1);
  EXPECT_EQ(log.str(), "2");
}

// ---- Errors ----

TEST_F(GeneratorErrorTest, ARejectionThatItAwaitsEndsIt) {
  const auto body = [](Log& test_log) -> AsyncGenerator<int> {
    const Log::AtEnd end = test_log.at_end("~");
    co_yield 1;
    co_await reject(absl::NotFoundError("gone"));
    co_yield 2;
  };
  AsyncGenerator<int> numbers = body(log);
  for (int i = 0; i < 3; ++i) log_next(numbers);
  run();
  EXPECT_EQ(log.str(), "1 ~ gone 0");
}

TEST_F(GeneratorErrorTest, AStatusEndsIt) {
  const auto body = []() -> AsyncGenerator<int> {
    co_await absl::OkStatus();
    co_yield 1;
    co_await absl::DataLossError("torn");
    co_yield 2;
  };
  AsyncGenerator<int> numbers = body();
  for (int i = 0; i < 3; ++i) log_next(numbers);
  run();
  EXPECT_EQ(log.str(), "1 torn 0");
}

#ifdef __cpp_exceptions
TEST_F(GeneratorErrorTest, AnExceptionEndsIt) {
  const auto body = []() -> AsyncGenerator<int> {
    co_yield 1;
    throw absl::NotFoundError("thrown");
  };
  AsyncGenerator<int> numbers = body();
  for (int i = 0; i < 3; ++i) log_next(numbers);
  run();
  EXPECT_EQ(log.str(), "1 thrown 0");
}
#endif

TEST_F(GeneratorErrorTest, AnErrorIsKeptForWhoAsksNext) {
  const auto body = []() -> AsyncGenerator<int> {
    co_await sleep(absl::Seconds(1));
    co_await absl::NotFoundError("late");
  };
  AsyncGenerator<int> numbers = body();
  numbers.next().cancel();
  run();
  log_next(numbers);
  log_next(numbers);
  run();
  EXPECT_EQ(log.str(), "late 0");
}

TEST_F(GeneratorErrorTest, AnErrorThatNobodyAsksForIsReported) {
  const auto previous =
      on_unhandled_rejection([this](const absl::Status& error, SourceLocation) { log.add(error.ToString()); });
  const auto body = []() -> AsyncGenerator<int> {
    co_await sleep(absl::Seconds(1));
    co_await absl::NotFoundError("late");
  };
  {
    AsyncGenerator<int> numbers = body();
    numbers.next().cancel();
    run();
  }
  run();
  on_unhandled_rejection(previous);
  EXPECT_EQ(log.str(), "NOT_FOUND: late");
}

TEST_F(GeneratorErrorTest, AwaitsOutcomesAsValues) {
  const auto body = []() -> AsyncGenerator<std::string> {
    const absl::Status status = co_await reject(absl::NotFoundError("gone")).settled();
    co_yield std::string(status.message());
  };
  AsyncGenerator<std::string> texts = body();
  texts.next().then([this](std::optional<std::string> item) { log.add(*item); });
  run();
  EXPECT_EQ(log.str(), "gone");
}

// ---- Cancelling ----

TEST_F(GeneratorCancelTest, ACancelledNextLeavesItsTurnToTheOthers) {
  AsyncGenerator<int> numbers = slowly_count_to(2);
  Promise<std::optional<int>> first = numbers.next();
  log_next(numbers);
  first.cancel();
  run();
  EXPECT_EQ(log.str(), "1");
}

TEST_F(GeneratorCancelTest, AValueIsKeptForWhoAsksNext) {
  AsyncGenerator<int> numbers = slowly_count_to(2);
  numbers.next().cancel();
  run();
  log_next(numbers);
  log_next(numbers);
  run();
  EXPECT_EQ(log.str(), "1 2");
}

TEST_F(GeneratorCancelTest, ATimeoutLosesNothing) {
  AsyncGenerator<int> numbers = slowly_count_to(2);
  with_timeout(numbers.next(), absl::Milliseconds(100)).catch_([this](absl::Status) {
    log.add("late");
    return std::optional<int>();
  });
  log_next(numbers);
  run();
  EXPECT_EQ(log.str(), "late 1");
}

// ---- Lifetime ----

TEST_F(GeneratorLifetimeTest, EndsWhereItIsSuspended) {
  const auto body = [](Log& test_log) -> AsyncGenerator<int> {
    const Log::AtEnd first = test_log.at_end("~first");
    const Log::AtEnd second = test_log.at_end("~second");
    co_yield 1;
    test_log.add("never");
  };
  {
    AsyncGenerator<int> numbers = body(log);
    log_next(numbers);
    run();
  }
  EXPECT_EQ(log.str(), "1 ~second ~first");
}

TEST_F(GeneratorLifetimeTest, ThatHasNotBegunDestroysItsParameters) {
  ProbeCounts counts;
  const auto body = [](Probe) -> AsyncGenerator<int> { co_yield 1; };
  { AsyncGenerator<int> numbers = body(Probe(counts)); }
  EXPECT_EQ(counts.live, 0);
}

TEST_F(GeneratorLifetimeTest, DestroysItsParametersWhenItEnds) {
  ProbeCounts counts;
  const auto body = [](Probe) -> AsyncGenerator<int> { co_yield 1; };
  AsyncGenerator<int> numbers = body(Probe(counts));
  numbers.next();
  EXPECT_EQ(counts.live, 1);
  numbers.next();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(GeneratorLifetimeTest, CancelsWhatItWaitsFor) {
  const auto body = [](Promise<> promise) -> AsyncGenerator<int> {
    co_await std::move(promise);
    co_yield 1;
  };
  Deferred<> never;
  never.on_cancel(log.note("cancelled"));
  {
    AsyncGenerator<int> numbers = body(never.promise());
    numbers.next().cancel();
    poll();
    EXPECT_EQ(log.str(), "");
  }
  run();
  EXPECT_EQ(log.str(), "cancelled");
}

TEST_F(GeneratorLifetimeTest, LeavesAloneWhatOthersWaitFor) {
  const auto body = [](Promise<> promise) -> AsyncGenerator<int> {
    co_await promise;
    co_yield 1;
  };
  Promise<> shared = sleep(absl::Seconds(1)).then(log.note("shared"));
  {
    AsyncGenerator<int> numbers = body(shared);
    numbers.next().cancel();
  }
  run();
  EXPECT_EQ(log.str(), "shared");
}

TEST_F(GeneratorLifetimeTest, EndsEvenWhereItAwaitsAnOutcome) {
  const auto body = [](Log& test_log) -> AsyncGenerator<int> {
    const Log::AtEnd end = test_log.at_end("~");
    static_cast<void>(co_await sleep(absl::Seconds(1)).settled());
    test_log.add("never");
  };
  {
    AsyncGenerator<int> numbers = body(log);
    numbers.next().cancel();
  }
  EXPECT_EQ(log.str(), "~");
  run();
  EXPECT_EQ(log.str(), "~");
}

TEST_F(GeneratorLifetimeTest, ThatIsDroppedStillAnswersThoseWhoWait) {
  {
    AsyncGenerator<int> numbers = slowly_count_to(2);
    log_next(numbers);
  }
  run();
  EXPECT_EQ(log.str(), "~ 1");
}

TEST_F(GeneratorLifetimeTest, ThatIsDroppedEndsWithTheLastWhoWaits) {
  Promise<std::optional<int>> next = [this] {
    AsyncGenerator<int> numbers = slowly_count_to(2);
    return numbers.next();
  }();
  EXPECT_EQ(log.str(), "");
  next.cancel();
  EXPECT_EQ(log.str(), "~");
  run();
  EXPECT_EQ(elapsed(), absl::ZeroDuration());
}

TEST_F(GeneratorLifetimeTest, MayBeDroppedByItsOwnBody) {
  std::optional<AsyncGenerator<int>> numbers;
  const auto body = [](std::optional<AsyncGenerator<int>>& self, Log& test_log) -> AsyncGenerator<int> {
    const Log::AtEnd end = test_log.at_end("~");
    self.reset();
    co_yield 1;
    test_log.add("never");
  };
  numbers.emplace(body(numbers, log));
  log_next(*numbers);
  run();
  EXPECT_EQ(log.str(), "~ 1");
}

TEST_F(GeneratorLifetimeTest, IsDroppedWhenAnotherIsAssigned) {
  AsyncGenerator<int> numbers = count_to(3);
  log_next(numbers);
  numbers = slowly_count_to(1);
  EXPECT_EQ(log.str(), "yields-1 ~");
  run();
}

TEST_F(GeneratorLifetimeTest, AConsumerThatIsCancelledEndsIt) {
  Promise<> consumer = log_all(slowly_count_to(3));
  sleep(absl::Milliseconds(1500)).then([&consumer] { consumer.cancel(); });
  run();
  EXPECT_EQ(log.str(), "1 ~");
  EXPECT_EQ(elapsed(), absl::Milliseconds(1500));
}

TEST_F(GeneratorLifetimeTest, TheLoopClosesWhileItWaits) {
  AsyncGenerator<int> numbers = slowly_count_to(1);
  Promise<std::optional<int>> next = numbers.next();
  loop.close();
  EXPECT_EQ(log.str(), "~");
  EXPECT_EQ(next.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(next.status().message(), HasSubstr("generator_test.cc"));
}

TEST_F(GeneratorLifetimeTest, OutlivesTheLoop) {
  AsyncGenerator<int> numbers = count_to(3);
  numbers.next();
  loop.close();
  EXPECT_EQ(log.str(), "yields-1");
}

TEST_F(GeneratorLifetimeTest, OutlivesTheLoopWhileItAwaitsADeferred) {
  Deferred<> deferred;
  const auto body = [](Promise<> promise) -> AsyncGenerator<int> {
    co_await std::move(promise);
    co_yield 1;
  };
  std::optional<AsyncGenerator<int>> numbers = body(deferred.promise());
  Promise<std::optional<int>> next = numbers->next();
  loop.close();
  numbers.reset();
  EXPECT_TRUE(next.is_pending());
  { const Deferred<> dropped = std::move(deferred); }
  EXPECT_EQ(next.status().code(), absl::StatusCode::kAborted);
}

// ---- Misuse ----

using GeneratorDeathTest = GeneratorTest;

TEST_F(GeneratorDeathTest, NextOfAMovedFromOne) {
  AsyncGenerator<int> numbers = count_to(3);
  const AsyncGenerator<int> others = std::move(numbers);
  EXPECT_DEATH(numbers.next(), "generator_test.cc:.*next\\(\\) on a AsyncGenerator that was moved from");
}

TEST_F(GeneratorDeathTest, NextOnAClosedLoop) {
  AsyncGenerator<int> numbers = count_to(3);
  loop.close();
  EXPECT_DEATH(numbers.next(), "next\\(\\) on an AsyncGenerator whose event loop is closed");
}

TEST(GeneratorWithoutLoopDeathTest, EndsTheProgram) {
  const auto body = []() -> AsyncGenerator<int> { co_yield 1; };
  EXPECT_DEATH(static_cast<void>(body()), "a generator is made on a thread that has no event loop");
}

}  // namespace
}  // namespace vow
