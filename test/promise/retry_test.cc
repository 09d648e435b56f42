#include "promise/retry.h"

#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

absl::Status unavailable() { return absl::UnavailableError("u"); }
absl::Status cancelled(const char* reason = "cancelled") { return absl::CancelledError(reason); }

class RetryTest : public LoopTest {
 protected:
  // Fails, and logs when it was called, in milliseconds.
  auto failing(absl::Status error = unavailable()) {
    return [this, error] {
      log.add(static_cast<int>(absl::ToInt64Milliseconds(passed())));
      return error;
    };
  }
  absl::Duration passed() { return loop.now() - start; }

  // The pauses between so many attempts, the first of which is to be 100 seconds.
  std::vector<absl::Duration> pauses(int count, double jitter) {
    std::vector<absl::Duration> pauses;
    absl::Time last = loop.now();
    RetryPolicy policy = {.attempts = count + 1, .first_delay = absl::Seconds(100), .growth = 1, .jitter = jitter};
    policy.longest_delay = absl::Seconds(100);
    retry(policy, [&, is_first = true]() mutable {
      if (!std::exchange(is_first, false)) pauses.push_back(loop.now() - last);
      last = loop.now();
      return unavailable();
    }).catch_([] {});
    run();
    return pauses;
  }

  ProbeCounts counts;
  const absl::Time start = loop.now();
};

TEST_F(RetryTest, CallsAtOnce) {
  retry({.attempts = 1}, failing()).catch_([] {});
  EXPECT_EQ(log.str(), "0");
}

TEST_F(RetryTest, GivesTheFirstSuccess) {
  EXPECT_EQ(*run_until_complete(loop, retry({}, [] { return 5; })), 5);
  EXPECT_EQ(passed(), absl::ZeroDuration());
}

TEST_F(RetryTest, GivesALaterSuccess) {
  auto third_time = [n = 0]() mutable -> absl::StatusOr<int> {
    if (++n < 3) return unavailable();
    return n;
  };
  EXPECT_EQ(*run_until_complete(loop, retry({.attempts = 5}, third_time)), 3);
}

TEST_F(RetryTest, DoesNotCallAgainAfterASuccess) {
  retry({.attempts = 5}, log.note("called"));
  run();
  EXPECT_EQ(log.str(), "called");
}

TEST_F(RetryTest, WaitsForWhatIsPromised) {
  auto second_time = [n = 0]() mutable {
    return sleep(absl::Seconds(1)).then([second = ++n == 2]() -> absl::StatusOr<int> {
      if (!second) return unavailable();
      return 5;
    });
  };
  Promise<int> p = retry({.first_delay = absl::Seconds(10), .jitter = 0}, second_time);
  EXPECT_EQ(*run_until_complete(loop, std::move(p)), 5);
  EXPECT_EQ(passed(), absl::Seconds(12));
}

TEST_F(RetryTest, GivesAValueThatHasNoCopy) {
  Promise<std::unique_ptr<int>> p = retry({}, [] { return std::make_unique<int>(5); });
  EXPECT_EQ(**run_until_complete(loop, std::move(p)), 5);
}

TEST_F(RetryTest, TakesACallbackThatHasNoCopy) {
  EXPECT_EQ(*run_until_complete(loop, retry({}, [x = std::make_unique<int>(5)] { return *x; })), 5);
}

TEST_F(RetryTest, GivesTheLastErrorAsItIs) {
  auto counting = [n = 0]() mutable { return absl::UnavailableError(std::to_string(++n)); };
  EXPECT_EQ(run_until_complete(loop, retry({.attempts = 3}, counting)), absl::UnavailableError("3"));
}

#ifdef __cpp_exceptions
TEST_F(RetryTest, TakesWhatIsThrownForAnError) {
  auto throwing = [&] {
    log.add("called");
    throw unavailable();
  };
  EXPECT_EQ(run_until_complete(loop, retry({.attempts = 2}, throwing)), unavailable());
  EXPECT_EQ(log.str(), "called called");
}
#endif

// When, and how often.

// folly 101
TEST_F(RetryTest, PausesForTwiceAsLongEachTime) {
  retry({.attempts = 5, .first_delay = absl::Milliseconds(100), .jitter = 0}, failing()).catch_([] {});
  run();
  EXPECT_EQ(log.str(), "0 100 300 700 1500");
}

TEST_F(RetryTest, PausesForLongerByTheFactorGiven) {
  retry({.attempts = 4, .first_delay = absl::Milliseconds(100), .growth = 3, .jitter = 0}, failing()).catch_([] {});
  run();
  EXPECT_EQ(log.str(), "0 100 400 1300");
}

// folly 101
TEST_F(RetryTest, PausesForNoLongerThanTheLongestDelay) {
  retry({.attempts = 5,
         .first_delay = absl::Milliseconds(100),
         .growth = 10,
         .longest_delay = absl::Milliseconds(500),
         .jitter = 0},
        failing())
      .catch_([] {});
  run();
  EXPECT_EQ(log.str(), "0 100 600 1100 1600");
}

TEST_F(RetryTest, PausesForTheLongestDelayIfTheFirstIsLonger) {
  retry({.attempts = 3, .first_delay = absl::Milliseconds(900), .longest_delay = absl::Milliseconds(500), .jitter = 0},
        failing())
      .catch_([] {});
  run();
  EXPECT_EQ(log.str(), "0 500 1000");
}

TEST_F(RetryTest, CountsThePauseFromWhenTheAttemptHasFailed) {
  auto slow = [fail = failing()] { return sleep(absl::Milliseconds(30)).then(fail); };
  retry({.attempts = 3, .first_delay = absl::Milliseconds(100), .jitter = 0}, slow).catch_([] {});
  run();
  EXPECT_EQ(log.str(), "30 160 390");
}

TEST_F(RetryTest, DoesNotPauseAfterTheLastAttempt) {
  retry({.attempts = 2, .first_delay = absl::Milliseconds(100), .jitter = 0}, failing()).catch_([] {});
  run();
  EXPECT_EQ(passed(), absl::Milliseconds(100));
}

// folly 101
TEST_F(RetryTest, ShortensPausesByNoMoreThanTheJitter) {
  for (absl::Duration pause : pauses(1000, 0.25)) {
    EXPECT_GE(pause, absl::Seconds(75));
    EXPECT_LE(pause, absl::Seconds(100));
  }
}

TEST_F(RetryTest, ShortensPausesByAnythingUpToTheJitter) {
  const std::vector<absl::Duration> made = pauses(1000, 0.25);
  EXPECT_LT(*std::min_element(made.begin(), made.end()), absl::Seconds(80));
  EXPECT_GT(*std::max_element(made.begin(), made.end()), absl::Seconds(95));
}

TEST_F(RetryTest, TakesAJitterAboveOneForOne) {
  for (absl::Duration pause : pauses(1000, 7)) {
    EXPECT_GE(pause, absl::ZeroDuration());
    EXPECT_LE(pause, absl::Seconds(100));
  }
}

TEST_F(RetryTest, TakesAJitterBelowZeroForNone) {
  EXPECT_EQ(pauses(2, -1), std::vector<absl::Duration>(2, absl::Seconds(100)));
}

TEST_F(RetryTest, CountsThePausesUpWithoutTheJitter) {
  retry({.attempts = 11, .first_delay = absl::Seconds(1), .longest_delay = absl::Hours(1), .jitter = 0.5}, failing())
      .catch_([] {});
  run();
  EXPECT_GT(passed(), absl::Seconds(1023) / 2);
  EXPECT_LE(passed(), absl::Seconds(1023));
}

TEST_F(RetryTest, WithOneAttemptCallsOnce) {
  EXPECT_EQ(run_until_complete(loop, retry({.attempts = 1}, failing())), unavailable());
  EXPECT_EQ(log.str(), "0");
}

TEST_F(RetryTest, WithNoAttemptsOrLessCallsOnce) {
  EXPECT_EQ(run_until_complete(loop, retry({.attempts = 0}, failing())), unavailable());
  EXPECT_EQ(run_until_complete(loop, retry({.attempts = -1}, failing())), unavailable());
  EXPECT_EQ(run_until_complete(loop, retry({.attempts = std::numeric_limits<int>::min()}, failing())), unavailable());
  EXPECT_EQ(log.str(), "0 0 0");
}

TEST_F(RetryTest, ForEverGoesOnUntilItSucceeds) {
  auto thousandth_time = [n = 0]() mutable -> absl::Status { return ++n < 1000 ? unavailable() : absl::OkStatus(); };
  Promise<> p = retry({.attempts = RetryPolicy::kForever, .longest_delay = absl::Seconds(1)}, thousandth_time);
  EXPECT_EQ(run_until_complete(loop, std::move(p)), absl::OkStatus());
}

// Which errors.

TEST_F(RetryTest, RetriesWhatMayPassByItself) {
  for (absl::StatusCode code : {absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded,
                                absl::StatusCode::kResourceExhausted, absl::StatusCode::kAborted}) {
    retry({.attempts = 2, .first_delay = absl::ZeroDuration()}, failing(absl::Status(code, ""))).catch_([] {});
  }
  run();
  EXPECT_EQ(log.str(), "0 0 0 0 0 0 0 0");
}

// KJ 38
TEST_F(RetryTest, EndsWithAnErrorOfAnotherCode) {
  const absl::Status error = absl::NotFoundError("e");
  EXPECT_EQ(run_until_complete(loop, retry({.attempts = 5}, failing(error))), error);
  EXPECT_EQ(log.str(), "0");
}

TEST_F(RetryTest, EndsWhenAnAttemptIsCancelled) {
  EXPECT_EQ(run_until_complete(loop, retry({.attempts = 5}, failing(cancelled()))), cancelled());
  EXPECT_EQ(log.str(), "0");
}

// KJ 38
TEST_F(RetryTest, RetriesTheCodesGivenAndNoOthers) {
  const absl::Status internal = absl::InternalError("i");
  auto first_internal = [this, internal, n = 0]() mutable {
    log.add("called");
    return ++n == 1 ? internal : unavailable();
  };
  Promise<> p = retry({.attempts = 5, .codes = {absl::StatusCode::kInternal}}, first_internal);
  EXPECT_EQ(run_until_complete(loop, std::move(p)), unavailable());
  EXPECT_EQ(log.str(), "called called");
}

// With std::vector<absl::StatusCode> for the codes, g++ 12 destroyed them twice.
TEST_F(RetryTest, CanBeAwaitedWithAPolicyWrittenInPlace) {
  auto connect = [&]() -> Promise<int> {
    auto third_time = [n = 0]() mutable -> absl::StatusOr<int> {
      if (++n < 3) return unavailable();
      return n;
    };
    co_return co_await retry({.attempts = 5, .codes = {absl::StatusCode::kUnavailable}}, third_time);
  };
  EXPECT_EQ(*run_until_complete(loop, connect()), 3);
}

// Cancelled.

// folly 101
TEST_F(RetryTest, CancelledWhileItPausesMakesNoMoreAttempts) {
  const Promise<> p = retry({.attempts = 5}, failing());
  poll();
  EXPECT_TRUE(p.cancel());
  EXPECT_TRUE(loop.is_stalled());
  EXPECT_EQ(log.str(), "0");
}

TEST_F(RetryTest, CancelledDuringAnAttemptCancelsWhatThatWaitsFor) {
  Deferred<> d;
  retry({.attempts = 5}, [&] { return d.promise(); }).cancel("stop");
  EXPECT_EQ(d.promise().status(), cancelled("stop"));
}

TEST_F(RetryTest, CancelledDuringAnAttemptMakesNoMore) {
  const Promise<> held = sleep(absl::Seconds(1)).then(failing());
  const Promise<> p = retry({.attempts = 5}, [&] { return held; });
  poll();
  p.cancel();
  run();
  EXPECT_EQ(log.str(), "1000");
  EXPECT_EQ(held.status(), unavailable());
}

TEST_F(RetryTest, CancelledDuringALaterAttemptCancelsWhatThatWaitsFor) {
  Deferred<> d;
  auto waiting = [&, n = 0]() mutable { return ++n == 1 ? reject(unavailable()) : d.promise(); };
  const Promise<> p = retry({.attempts = 5}, waiting);
  run();
  p.cancel("stop");
  EXPECT_EQ(d.promise().status(), cancelled("stop"));
}

TEST_F(RetryTest, CancelledFromWithinACallMakesNoMore) {
  Promise<> p = resolve();
  p = retry({.attempts = 5}, [&, text = std::string(100, 'x'), n = 0]() mutable {
    if (++n == 2) p.cancel();
    log.add(static_cast<int>(text.size()));
    return unavailable();
  });
  run();
  EXPECT_EQ(log.str(), "100 100");
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(RetryTest, CancelledFromWithinACallCancelsWhatThatReturns) {
  Deferred<> d;
  Promise<> p = resolve();
  p = retry({.attempts = 5}, [&, n = 0]() mutable {
    if (++n == 1) return reject(unavailable());
    p.cancel("stop");
    return d.promise();
  });
  run();
  EXPECT_EQ(d.promise().status(), cancelled("stop"));
}

TEST_F(RetryTest, WhoseCallbackReturnsItsOwnPromiseIsRejected) {
  Promise<> p = resolve();
  p = retry({.attempts = 5},
            [&, probe = Probe(counts), n = 0]() mutable { return ++n == 1 ? reject(unavailable()) : p; });
  run();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(counts.live, 0);
}

// How long the callback lives.

TEST_F(RetryTest, DestroysTheCallbackBeforeConsumersHear) {
  retry({}, [end = log.at_end("destroyed")] { return sleep(absl::Seconds(1)); }).then(log.note("heard"));
  run();
  EXPECT_EQ(log.str(), "destroyed heard");
}

TEST_F(RetryTest, DestroysTheCallbackWhenItHasFailed) {
  retry({.attempts = 2}, [probe = Probe(counts)] { return unavailable(); }).catch_([&] { EXPECT_EQ(counts.live, 0); });
  run();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(RetryTest, KeepsTheCallbackForTheAttemptsToCome) {
  retry({.attempts = 3}, [&, probe = Probe(counts)] {
    log.add(probe.is_whole() && counts.live > 0);
    return unavailable();
  }).catch_([] {});
  run();
  EXPECT_EQ(log.str(), "1 1 1");
}

TEST_F(RetryTest, DestroysTheCallbackAtOnceWhenItIsCancelled) {
  const Promise<> p = retry({.attempts = 3}, [probe = Probe(counts)] { return unavailable(); });
  poll();
  p.cancel();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(RetryTest, DestroysTheCallbackWhenTheLoopCloses) {
  const Promise<> p = retry({.attempts = 3}, [probe = Probe(counts)] { return unavailable(); });
  poll();
  loop.close();
  EXPECT_EQ(counts.live, 0);
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
}

TEST_F(RetryTest, GoesOnWhenItsPromiseIsDropped) {
  {
    const Promise<> dropped = retry({.attempts = 2, .jitter = 0}, failing()).catch_([] {});
  }
  run();
  EXPECT_EQ(log.str(), "0 100");
}

// folly 101
TEST_F(RetryTest, MakesAHundredThousandAttemptsInConstantMemory) {
  int n = 0;
  const auto memory = [] { return static_cast<std::int64_t>(mallinfo2().uordblks + mallinfo2().hblkhd); };
  std::int64_t early = 0;
  retry({.attempts = 100'000, .first_delay = absl::ZeroDuration()}, [&] {
    if (++n == 1000) early = memory();
    return unavailable();
  }).catch_([&] { EXPECT_LT(memory(), early + 10'000); });
  run();
  EXPECT_EQ(n, 100'000);
}

}  // namespace
}  // namespace vow
