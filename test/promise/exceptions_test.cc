// What becomes of exceptions: each rejects the promise that its callback was to settle.

#include "gtest/gtest.h"

#ifdef __cpp_exceptions

#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "loop/event_loop.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using testing::HasSubstr;

using ExceptionTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

[[noreturn]] void fail() { throw std::runtime_error("what it says"); }
const absl::Status& status_of_failure() {
  static const absl::Status& status = *new absl::Status(absl::StatusCode::kUnknown, "std::runtime_error: what it says");
  return status;
}

// KJ 8
TEST_F(ExceptionTest, ThatDestroysADeferredIsMentionedInWhatBreaksItsPromise) {
  std::optional<Promise<int>> promise;
  try {
    Deferred<int> deferred;
    promise = deferred.promise();
    throw std::runtime_error("on the way");
  } catch (const std::runtime_error&) {
  }
  EXPECT_THAT(std::string(promise->status().message()), testing::EndsWith("while an exception was passing"));
}

TEST_F(ExceptionTest, AStatusRejectsAsItself) {
  absl::Status rich = error();
  rich.SetPayload("type.example/one", absl::Cord("payload"));
  Promise<> p = resolve().then([&] { throw rich; });
  run();
  EXPECT_EQ(p.status(), rich);
}

TEST_F(ExceptionTest, AnOkStatusIsAnError) {
  Promise<> p = resolve().then([] { throw absl::OkStatus(); });
  run();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kInternal);
}

TEST_F(ExceptionTest, BadAllocIsResourceExhausted) {
  Promise<> p = resolve().then([] { throw std::bad_alloc(); });
  run();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(ExceptionTest, AStdExceptionIsUnknownWithItsTypeAndText) {
  struct Special : std::logic_error {
    using std::logic_error::logic_error;
  };
  Promise<> p = resolve().then([] { throw Special("what it says"); });
  run();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kUnknown);
  EXPECT_THAT(p.status().ToString(), HasSubstr("Special"));
  EXPECT_THAT(p.status().ToString(), HasSubstr("what it says"));
}

TEST_F(ExceptionTest, AnythingElseIsUnknown) {
  Promise<> p = resolve().then([] { throw 42; });
  run();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kUnknown);
}

TEST_F(ExceptionTest, InThenRejects) {
  Promise<int> p = resolve(5).then([](int x) {
    if (x == 5) fail();
    return x;
  });
  run();
  EXPECT_EQ(p.status(), status_of_failure());
}

TEST_F(ExceptionTest, InThenThatReturnsAPromiseRejects) {
  Promise<int> p = resolve(5).then([](int x) {
    if (x == 5) fail();
    return resolve(x);
  });
  run();
  EXPECT_EQ(p.status(), status_of_failure());
}

TEST_F(ExceptionTest, InTheSecondOfTwoRejects) {
  Promise<> p = reject(error()).then([] {}, [] { fail(); });
  run();
  EXPECT_EQ(p.status(), status_of_failure());
}

TEST_F(ExceptionTest, InCatchRejects) {
  Promise<> p = reject(error()).catch_([] { fail(); });
  run();
  EXPECT_EQ(p.status(), status_of_failure());
}

TEST_F(ExceptionTest, InFinallyTakesThePlaceOfTheOutcome) {
  Promise<int> of_value = resolve(5).finally([] { fail(); });
  Promise<int> of_error = reject<int>(error()).finally([] { fail(); });
  run();
  EXPECT_EQ(of_value.status(), status_of_failure());
  EXPECT_EQ(of_error.status(), status_of_failure());
}

TEST_F(ExceptionTest, InFinallyThatReturnsAPromiseTakesThePlaceOfTheOutcome) {
  Promise<int> p = resolve(5).finally([] {
    fail();
    return resolve();
  });
  run();
  EXPECT_EQ(p.status(), status_of_failure());
}

// folly 83
TEST_F(ExceptionTest, InAttemptRejects) {
  Promise<int> p = attempt([] {
    fail();
    return 5;
  });
  EXPECT_EQ(p.status(), status_of_failure());
}

TEST_F(ExceptionTest, InAttemptOfAPromiseRejects) {
  Promise<int> p = attempt([] {
    fail();
    return resolve(5);
  });
  EXPECT_EQ(p.status(), status_of_failure());
}

TEST_F(ExceptionTest, InTheProgramThatRunIsGivenRejects) {
  loop.close();
  EXPECT_EQ(vow::run([] { fail(); }, {.clock = Clock::kVirtual}), status_of_failure());
}

TEST_F(ExceptionTest, ReachesTheNextCatch) {
  resolve().then([] { fail(); }).then(log.note("then")).catch_([&](absl::Status status) {
    log.add(std::string(status.message()));
  });
  run();
  EXPECT_EQ(log.str(), "std::runtime_error: what it says");
}

TEST_F(ExceptionTest, LeavesTheOtherCallbacksOfThePromiseAlone) {
  const Promise<> p = resolve();
  p.then([] { fail(); });
  p.then(log.note("other"));
  run();
  EXPECT_EQ(log.str(), "other");
}

// folly 75
TEST_F(ExceptionTest, DestroysTheCapturesBeforeTheNextCallbackRuns) {
  resolve().then([end = log.at_end("captures")] { fail(); }).catch_(log.note("next"));
  reject(error()).catch_([end = log.at_end("captures of catch")] { fail(); }).catch_(log.note("next"));
  run();
  EXPECT_EQ(log.str(), "captures captures of catch next next");
}

TEST_F(ExceptionTest, DestroysTheCapturesOnce) {
  ProbeCounts counts;
  resolve().then([capture = Probe(counts)] { fail(); });
  resolve().then([capture = Probe(counts)] {
    fail();
    return resolve();
  });
  reject(error()).catch_([capture = Probe(counts)] { fail(); });
  resolve().finally([capture = Probe(counts)] { fail(); });
  resolve().finally([capture = Probe(counts)] {
    fail();
    return resolve();
  });
  run();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(ExceptionTest, DropsTheValueThatTheCallbackWasGiven) {
  ProbeCounts counts;
  resolve(Probe(counts)).then([](Probe) { fail(); });
  run();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(ExceptionTest, InAnExecutorRejects) {
  Promise<int> p = make_promise<int>([](Deferred<int>) { fail(); });
  EXPECT_EQ(p.status(), status_of_failure());
}

TEST_F(ExceptionTest, InAnExecutorThatDidNotTakeTheDeferredOverRejects) {
  Promise<int> p = make_promise<int>([](Deferred<int>&&) { fail(); });
  EXPECT_EQ(p.status(), status_of_failure());
}

TEST_F(ExceptionTest, InAnExecutorThatKeptTheDeferredRejects) {
  std::optional<Deferred<int>> kept;
  Promise<int> p = make_promise<int>([&](Deferred<int> d) {
    kept = std::move(d);
    fail();
  });
  EXPECT_FALSE(kept->resolve(5));
  EXPECT_EQ(p.status(), status_of_failure());
}

TEST_F(ExceptionTest, InAnExecutorAfterItFulfilledChangesNothing) {
  Promise<int> p = make_promise<int>([](Deferred<int> d) {
    d.resolve(5);
    fail();
  });
  EXPECT_EQ(p.value(), 5);
}

TEST_F(ExceptionTest, InAnExecutorAfterItRejectedChangesNothing) {
  Promise<int> p = make_promise<int>([](Deferred<int> d) {
    d.reject(error());
    fail();
  });
  EXPECT_EQ(p.status(), error());
}

TEST_F(ExceptionTest, InAnExecutorAfterItResolvedWithAPromiseChangesNothing) {
  Promise<int> p = make_promise<int>([](Deferred<int> d) {
    d.resolve(sleep(absl::Seconds(1)).then([] { return 5; }));
    fail();
  });
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(ExceptionTest, OfAnOkStatusInAnExecutorIsAnError) {
  Promise<int> p = make_promise<int>([](Deferred<int>) { throw absl::OkStatus(); });
  EXPECT_TRUE(p.is_rejected());
  EXPECT_EQ(p.status().code(), absl::StatusCode::kInternal);
}

TEST_F(ExceptionTest, ThatUnwindsADeferredBreaksItsPromise) {
  std::optional<Promise<>> p;
  try {
    Deferred<> d;
    p = d.promise();
    fail();
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(p->status().code(), absl::StatusCode::kAborted);
}

// A value whose copy fails; to move it works.
class Fragile {
 public:
  Fragile() = default;
  Fragile(const Fragile&) { fail(); }
  Fragile(Fragile&&) noexcept = default;
  Fragile& operator=(const Fragile&) = delete;
};

// folly 108
TEST_F(ExceptionTest, OfACopyIntoThePromiseRejects) {
  const Fragile fragile;
  Deferred<Fragile> d;
  EXPECT_TRUE(d.resolve(fragile));
  EXPECT_EQ(d.promise().status(), status_of_failure());
  EXPECT_EQ(resolve(fragile).status(), status_of_failure());
}

// A value whose move fails.
struct FragileToMove {
  explicit FragileToMove(ProbeCounts& counts) : probe(counts) {}
  FragileToMove(FragileToMove&& other) : probe(std::move(other.probe)) { fail(); }
  Probe probe;
};

// folly 108
TEST_F(ExceptionTest, OfAMoveIntoThePromiseRejectsAndLeavesNoLeak) {
  ProbeCounts counts;
  Deferred<FragileToMove> d;
  EXPECT_TRUE(d.resolve(FragileToMove(counts)));
  EXPECT_EQ(d.promise().status(), status_of_failure());
  EXPECT_EQ(counts.live, 0);
}

TEST_F(ExceptionTest, OfACopyForTheCallbackRejects) {
  const Promise<Fragile> p = resolve(Fragile());
  Promise<> next = Promise<Fragile>(p).then([](Fragile) {});
  run();
  EXPECT_EQ(next.status(), status_of_failure());
  EXPECT_TRUE(p.is_fulfilled());
}

TEST_F(ExceptionTest, OfACopyOfTheResultRejects) {
  const Fragile fragile;
  Promise<Fragile> p = resolve().then([&]() -> const Fragile& { return fragile; });
  run();
  EXPECT_EQ(p.status(), status_of_failure());
}

TEST_F(ExceptionTest, OfACopyThatPassesCatchRejects) {
  const Promise<Fragile> p = resolve(Fragile());
  Promise<Fragile> next = p.catch_([] { return Fragile(); });
  run();
  EXPECT_EQ(next.status(), status_of_failure());
}

TEST_F(ExceptionTest, OfACopyThatPassesFinallyRejects) {
  const Promise<Fragile> p = resolve(Fragile());
  Promise<Fragile> next = p.finally([] {});
  run();
  EXPECT_EQ(next.status(), status_of_failure());
}

TEST_F(ExceptionTest, OfACopyForSettledRejects) {
  const Promise<Fragile> p = resolve(Fragile());
  Promise<absl::StatusOr<Fragile>> next = p.settled();
  run();
  EXPECT_EQ(next.status(), status_of_failure());
}

TEST_F(ExceptionTest, OfACopyFromAPromiseThatACallbackReturnedRejects) {
  const Promise<Fragile> p = resolve(Fragile());
  Promise<Fragile> next = resolve().then([&] { return p; });
  run();
  EXPECT_EQ(next.status(), status_of_failure());
}

TEST_F(ExceptionTest, OfACopyFromAPromiseThatADeferredFollowsRejects) {
  const Promise<Fragile> p = resolve(Fragile());
  Deferred<Fragile> d;
  d.resolve(p);
  run();
  EXPECT_EQ(d.promise().status(), status_of_failure());
}

TEST_F(ExceptionTest, OfACopyIntoWhenAllRejects) {
  const Promise<Fragile> p = resolve(Fragile());
  Promise<std::tuple<Fragile, int>> of_pack = when_all(p, resolve(5));
  run();
  EXPECT_EQ(of_pack.status(), status_of_failure());
}

TEST_F(ExceptionTest, OfACopyOfACallbackLeavesThenAndThePromiseAlone) {
  auto f = [fragile = Fragile()] {};
  const Promise<int> p = resolve(5);
  EXPECT_THROW(p.then(f), std::runtime_error);
  p.then([&](int x) { log.add(x); });
  run();
  EXPECT_EQ(log.str(), "5");
}

TEST_F(ExceptionTest, OfACopyOfACallbackLeavesAPromiseThatIsGivenAwayNoLeak) {
  ProbeCounts counts;
  auto f = [fragile = Fragile()] {};
  EXPECT_THROW(resolve(Probe(counts)).then(f), std::runtime_error);
  EXPECT_THROW(resolve(Probe(counts)).finally(f), std::runtime_error);
  EXPECT_EQ(counts.live, 0);
}

}  // namespace
}  // namespace vow

#else

TEST(ExceptionTest, NeedsExceptions) { GTEST_SKIP() << "compiled without exceptions"; }

#endif  // __cpp_exceptions
