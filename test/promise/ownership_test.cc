// Who sees a value, and for how long; how long a callback's captures live; what may be destroyed when.

#include <cstdint>
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
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using testing::HasSubstr;

absl::Status error() { return absl::NotFoundError("e"); }

class ValueTest : public LoopTest {
 protected:
  ProbeCounts counts;
};

TEST_F(ValueTest, IsLentByAPromiseThatIsKept) {
  const Promise<Probe> p = resolve(Probe(counts));
  const Probe* lent = nullptr;
  p.then([&](const Probe& value) { lent = &value; });
  run();
  EXPECT_EQ(lent, &p.value());
  EXPECT_EQ(counts.copies, 0);
}

// KJ 14
TEST_F(ValueTest, IsLentToEachOfSeveral) {
  const Promise<Probe> p = resolve(Probe(counts));
  for (int i = 0; i < 3; ++i) p.then([&](const Probe& value) { log.add(value.is_whole()); });
  run();
  EXPECT_EQ(log.str(), "1 1 1");
  EXPECT_EQ(counts.copies, 0);
}

TEST_F(ValueTest, IsCopiedByACallbackOfAKeptPromiseThatWantsItsOwn) {
  const Promise<Probe> p = resolve(Probe(counts));
  p.then([](Probe) {});
  run();
  EXPECT_EQ(counts.copies, 1);
  EXPECT_TRUE(p.value().is_whole());
}

TEST_F(ValueTest, IsMovedByAPromiseThatIsGivenAway) {
  resolve(Probe(counts)).then([&](Probe value) { log.add(value.is_whole()); });
  run();
  EXPECT_EQ(log.str(), "1");
  EXPECT_EQ(counts.copies, 0);
}

TEST_F(ValueTest, IsOneThatTheCallbackMayTakeByReference) {
  std::optional<Probe> taken;
  resolve(Probe(counts)).then([&](Probe&& value) { taken = std::move(value); });
  run();
  EXPECT_TRUE(taken->is_whole());
  EXPECT_EQ(counts.copies, 0);
}

TEST_F(ValueTest, IsCopiedWhenAnotherHandleSeesIt) {
  Promise<Probe> p = resolve(Probe(counts));
  const Promise<Probe> other = p;
  std::move(p).then([](Probe) {});
  run();
  EXPECT_EQ(counts.copies, 1);
  EXPECT_TRUE(other.value().is_whole());
}

TEST_F(ValueTest, IsMovedWhenTheOtherHandleIsGoneByThen) {
  Promise<Probe> p = resolve(Probe(counts));
  std::optional<Promise<Probe>> other = p;
  std::move(p).then([](Probe) {});
  other.reset();
  run();
  EXPECT_EQ(counts.copies, 0);
}

TEST_F(ValueTest, IsCopiedWhenADeferredCouldGiveItAgain) {
  Deferred<Probe> d;
  d.promise().then([](Probe) {});
  d.resolve(Probe(counts));
  run();
  EXPECT_EQ(counts.copies, 1);
  EXPECT_TRUE(d.promise().value().is_whole());
}

TEST_F(ValueTest, IsCopiedWhenALaterCallbackWillSeeIt) {
  Promise<Probe> p = resolve(Probe(counts));
  Promise<Probe> other = p;
  std::move(p).then([](Probe) {});
  std::move(other).then([&](const Probe& value) { log.add(value.is_whole()); });
  run();
  EXPECT_EQ(counts.copies, 1);
  EXPECT_EQ(log.str(), "1");
}

TEST_F(ValueTest, IsMovedForTheLastOfSeveralCallbacks) {
  Promise<Probe> p = resolve(Probe(counts));
  p.then([](const Probe&) {});
  std::move(p).then([&](Probe value) { log.add(value.is_whole()); });
  run();
  EXPECT_EQ(counts.copies, 0);
  EXPECT_EQ(log.str(), "1");
}

TEST_F(ValueTest, IsNeverCopiedAlongAChain) {
  resolve(Probe(counts))
      .then([](Probe value) { return value; })
      .catch_([&] { return Probe(counts); })
      .finally([] {})
      .then([](Probe value) { return resolve(std::move(value)); })
      .settled()
      .then([&](absl::StatusOr<Probe> value) { log.add(value->is_whole()); });
  run();
  EXPECT_EQ(log.str(), "1");
  EXPECT_EQ(counts.copies, 0);
}

TEST_F(ValueTest, IsCopiedOnceByEachOperatorOnAPromiseThatIsKept) {
  const Promise<Probe> p = resolve(Probe(counts));
  Promise<Probe> caught = p.catch_([&] { return Probe(counts); });
  Promise<Probe> after = p.finally([] {});
  Promise<absl::StatusOr<Probe>> settled = p.settled();
  run();
  EXPECT_EQ(counts.copies, 3);
  EXPECT_TRUE(p.value().is_whole());
}

TEST_F(ValueTest, IsMovedFromAPromiseThatIsFollowed) {
  Deferred<Probe> d;
  d.resolve(resolve(Probe(counts)));
  run();
  EXPECT_TRUE(d.promise().value().is_whole());
  EXPECT_EQ(counts.copies, 0);
}

TEST_F(ValueTest, IsCopiedFromAPromiseThatIsFollowedAndKept) {
  const Promise<Probe> p = resolve(Probe(counts));
  Promise<Probe> follower = resolve().then([&] { return p; });
  run();
  EXPECT_EQ(counts.copies, 1);
  EXPECT_TRUE(p.value().is_whole());
  EXPECT_TRUE(follower.value().is_whole());
}

TEST_F(ValueTest, IsNotTouchedByACallbackThatTakesNothing) {
  resolve(Probe(counts)).then([] {});
  run();
  EXPECT_EQ(counts.copies, 0);
}

TEST_F(ValueTest, DiesWithTheLastHandle) {
  Promise<Probe> p = resolve(Probe(counts));
  { Promise<Probe> other = p; }
  EXPECT_EQ(counts.live, 1);
  p = reject<Probe>(error());
  EXPECT_EQ(counts.live, 0);
}

// KJ 11
TEST_F(ValueTest, DiesWithTheDeferredIfNobodyWaitsForIt) {
  {
    Deferred<Probe> d;
    d.resolve(Probe(counts));
    EXPECT_EQ(counts.live, 1);
  }
  EXPECT_EQ(counts.live, 0);
}

TEST_F(ValueTest, DiesBeforeTheNextCallbackOfTheChainRuns) {
  resolve(Probe(counts)).then([](const Probe&) {}).then([&] { log.add(counts.live); });
  run();
  EXPECT_EQ(log.str(), "0");
}

TEST_F(ValueTest, LivesWhileACallbackWaitsForItAndNobodyHoldsThePromise) {
  {
    resolve(Probe(counts)).then([&](const Probe& value) { log.add(value.is_whole()); });
  }
  EXPECT_EQ(counts.live, 1);
  run();
  EXPECT_EQ(log.str(), "1");
  EXPECT_EQ(counts.live, 0);
}

TEST_F(ValueTest, MayHaveNoCopy) {
  resolve(std::make_unique<int>(5))
      .then([](std::unique_ptr<int> x) { return x; })
      .catch_([] { return std::make_unique<int>(0); })
      .finally([] {})
      .then([](std::unique_ptr<int> x) -> Promise<std::unique_ptr<int>> { return x; })
      .then([&](std::unique_ptr<int> x) { log.add(*x); });
  run();
  EXPECT_EQ(log.str(), "5");
}

// KJ 14
TEST_F(ValueTest, ThatHasNoCopyIsLentByAPromiseThatIsKept) {
  Promise<std::unique_ptr<int>> p = resolve(std::make_unique<int>(5));
  p.then([&](const std::unique_ptr<int>& x) { log.add(*x); });
  p.then([&](const std::unique_ptr<int>& x) { log.add(*x); });
  std::move(p).then([&](std::unique_ptr<int> x) { log.add(*x + 1); });
  run();
  EXPECT_EQ(log.str(), "5 5 6");
}

struct NoDefault {
  explicit NoDefault(int number) : x(number) {}
  int x;
};

TEST_F(ValueTest, MayHaveNoDefault) {
  Deferred<NoDefault> d;
  Promise<NoDefault> p = d.promise()
                             .then([](NoDefault value) { return NoDefault(value.x + 1); })
                             .catch_([] { return NoDefault(0); })
                             .finally([] {})
                             .then([](NoDefault value) { return resolve(value); });
  d.resolve(NoDefault(5));
  run();
  EXPECT_EQ(p.value().x, 6);
}

struct Big {
  explicit Big(unsigned char fill) : bytes(10'000, fill) {
    for (unsigned char& byte : in_place) byte = fill;
  }
  bool holds(unsigned char fill) const {
    for (unsigned char byte : in_place) {
      if (byte != fill) return false;
    }
    return bytes == std::vector<unsigned char>(10'000, fill);
  }
  unsigned char in_place[10'000];
  std::vector<unsigned char> bytes;
};

TEST_F(ValueTest, MayBeBig) {
  Promise<Big> p = resolve(Big(7)).then([](Big value) { return value; }).finally([] {}).then([](const Big& value) {
    return resolve(value);
  });
  run();
  EXPECT_TRUE(p.value().holds(7));
}

struct alignas(64) Aligned {
  explicit Aligned(int number) : x(number) {}
  bool is_aligned() const { return reinterpret_cast<std::uintptr_t>(this) % alignof(Aligned) == 0; }
  int x;
};

TEST_F(ValueTest, IsAlignedAsItsTypeDemands) {
  const Promise<Aligned> p = resolve(Aligned(5));
  p.then([&](const Aligned& value) {
     log.add(value.is_aligned());
     return value;
   })
      .catch_([] { return Aligned(0); })
      .finally([] {})
      .then([](const Aligned& value) { return resolve(value); })
      .then([&](const Aligned& value) { log.add(value.is_aligned()); });
  when_all(p, resolve(1)).then([&](const std::tuple<Aligned, int>& both) { log.add(std::get<0>(both).is_aligned()); });
  when_all({p}).then([&](const std::vector<Aligned>& all) { log.add(all[0].is_aligned()); });
  run();
  EXPECT_EQ(log.str(), "1 1 1 1");
  EXPECT_TRUE(p.value().is_aligned());
}

using CaptureTest = LoopTest;

// folly 86
TEST_F(CaptureTest, IsWholeInTheCallback) {
  ProbeCounts counts;
  resolve().then([&, capture = Probe(counts)] { log.add(capture.is_whole() ? counts.live : 0); });
  sleep(absl::Seconds(1)).then([&, capture = Probe(counts)] { log.add(capture.is_whole() ? counts.live : 0); });
  run();
  EXPECT_EQ(log.str(), "2 1");
}

// folly 75
TEST_F(CaptureTest, DiesRightAfterTheCallbackOfThen) {
  const Promise<> p = resolve();
  p.then([&, end = log.at_end("captures")] { log.add("callback"); }).then(log.note("next of chain"));
  p.then(log.note("next of p"));
  run();
  EXPECT_EQ(log.str(), "callback captures next of p next of chain");
}

// folly 75
TEST_F(CaptureTest, DiesRightAfterTheCallbackThatFails) {
  resolve()
      .then([&, end = log.at_end("captures")] {
        log.add("callback");
        return error();
      })
      .catch_(log.note("next"));
  run();
  EXPECT_EQ(log.str(), "callback captures next");
}

// folly 75
TEST_F(CaptureTest, DiesRightAfterTheCallbackOfCatch) {
  const Promise<> p = reject(error());
  p.catch_([&, end = log.at_end("captures")] { log.add("callback"); });
  p.catch_(log.note("next of p"));
  run();
  EXPECT_EQ(log.str(), "callback captures next of p");
}

// folly 75
TEST_F(CaptureTest, DiesRightAfterTheCallbackOfFinally) {
  const Promise<> p = resolve();
  p.finally([&, end = log.at_end("captures")] { log.add("callback"); });
  p.then(log.note("next of p"));
  run();
  EXPECT_EQ(log.str(), "callback captures next of p");
}

// KJ 29, folly 75: to attach something is to capture it.
TEST_F(CaptureTest, DiesWhenThePromiseThatTheCallbackReturnedHasSettled) {
  const Promise<> p = resolve();
  p.then([&, end = log.at_end("captures")] { return sleep(absl::Seconds(2)); }).then(log.note("next of chain"));
  p.then(log.note("next of p"));
  loop.call_later(absl::Seconds(1), log.note("a second"));
  run();
  EXPECT_EQ(log.str(), "next of p a second captures next of chain");
}

// KJ 29, folly 75
TEST_F(CaptureTest, DiesWhenThePromiseThatTheCallbackReturnedIsRejected) {
  reject(error())
      .catch_([&, end = log.at_end("captures")] { return sleep(absl::Seconds(1)).then(error); })
      .catch_(log.note("next"));
  loop.call_soon(log.note("soon"));
  run();
  EXPECT_EQ(log.str(), "soon captures next");
}

TEST_F(CaptureTest, DiesWhenThePromiseThatFinallyReturnedHasSettled) {
  resolve().finally([&, end = log.at_end("captures")] { return sleep(absl::Seconds(1)); }).then(log.note("next"));
  loop.call_soon(log.note("soon"));
  run();
  EXPECT_EQ(log.str(), "soon captures next");
}

// KJ 29, folly 75
TEST_F(CaptureTest, DiesBeforeTheNextCallbackIfThePromiseThatWasReturnedHadSettled) {
  resolve().then([end = log.at_end("captures")] { return resolve(); }).then(log.note("next"));
  run();
  EXPECT_EQ(log.str(), "captures next");
}

// folly 75
TEST_F(CaptureTest, DiesWhenAnErrorPassesTheCallback) {
  reject(error()).then([end = log.at_end("captures")] {}).catch_(log.note("next"));
  run();
  EXPECT_EQ(log.str(), "captures next");
}

// folly 75
TEST_F(CaptureTest, DiesWhenAValuePassesTheCallback) {
  resolve().catch_([end = log.at_end("captures")] {}).then(log.note("next"));
  run();
  EXPECT_EQ(log.str(), "captures next");
}

TEST_F(CaptureTest, OfBothCallbacksDiesRightAfterOneOfThem) {
  const Promise<> p = resolve();
  p.then([&, end = log.at_end("first")] { log.add("callback"); }, [end = log.at_end("second")] {});
  p.then(log.note("next of p"));
  run();
  EXPECT_THAT(log.str(), testing::AnyOf("callback first second next of p", "callback second first next of p"));
}

// folly 85
TEST_F(CaptureTest, MayBeBig) {
  resolve().then([&, big = Big(7)] { log.add(big.holds(7)); });
  reject(error()).catch_([&, big = Big(8)] { log.add(big.holds(8)); });
  resolve().finally([&, big = Big(9)] { log.add(big.holds(9)); });
  run();
  EXPECT_EQ(log.str(), "1 1 1");
}

// KJ 35
TEST_F(CaptureTest, IsAlignedAsItsTypeDemands) {
  resolve().then([&, value = Aligned(1)] { log.add(value.is_aligned()); });
  reject(error()).catch_([&, value = Aligned(1)] { log.add(value.is_aligned()); });
  resolve().finally([&, value = Aligned(1)] { log.add(value.is_aligned()); });
  resolve().then([&, value = Aligned(1)] { log.add(value.is_aligned()); }, [value = Aligned(1)] {});
  run();
  EXPECT_EQ(log.str(), "1 1 1 1");
}

// However a callback ends, what it captured is destroyed, and once.
struct Operator {
  const char* name;
  void (*attach)(const Promise<int>& p, Probe capture);
};

const Operator kOperators[] = {
    {"Then", [](const Promise<int>& p, Probe c) { p.then([c = std::move(c)] {}); }},
    {"ThenThatFails", [](const Promise<int>& p, Probe c) { p.then([c = std::move(c)] { return error(); }); }},
    {"ThenReturningSettled", [](const Promise<int>& p, Probe c) { p.then([c = std::move(c)] { return resolve(); }); }},
    {"ThenReturningPending",
     [](const Promise<int>& p, Probe c) { p.then([c = std::move(c)] { return sleep(absl::Seconds(1)); }); }},
    {"ThenReturningNever",
     [](const Promise<int>& p, Probe c) { p.then([c = std::move(c)] { return sleep(absl::InfiniteDuration()); }); }},
    {"ThenWithTwo",
     [](const Promise<int>& p, Probe c) { p.then([c] {}, [c = std::move(c)]() -> absl::Status { return error(); }); }},
    {"ThenWithTwoReturningPending",
     [](const Promise<int>& p, Probe c) {
       p.then([c] { return sleep(absl::Seconds(1)); }, [c = std::move(c)] { return sleep(absl::Seconds(1)); });
     }},
    {"Catch", [](const Promise<int>& p, Probe c) { p.catch_([c = std::move(c)] { return 0; }); }},
    {"CatchReturningPending",
     [](const Promise<int>& p, Probe c) {
       p.catch_([c = std::move(c)] { return sleep(absl::Seconds(1)).then([] { return 0; }); });
     }},
    {"Finally", [](const Promise<int>& p, Probe c) { p.finally([c = std::move(c)] {}); }},
    {"FinallyThatFails", [](const Promise<int>& p, Probe c) { p.finally([c = std::move(c)] { return error(); }); }},
    {"FinallyReturningSettled",
     [](const Promise<int>& p, Probe c) { p.finally([c = std::move(c)] { return resolve(); }); }},
    {"FinallyReturningPending",
     [](const Promise<int>& p, Probe c) { p.finally([c = std::move(c)] { return sleep(absl::Seconds(1)); }); }},
    {"FinallyReturningNever",
     [](const Promise<int>& p, Probe c) { p.finally([c = std::move(c)] { return sleep(absl::InfiniteDuration()); }); }},
    {"BehindOthers",
     [](const Promise<int>& p, Probe c) {
       p.then([] {}).catch_([] {}).finally([] {}).then([c = std::move(c)] {}).then([] {});
     }},
};

// Closes the loop in the end.
struct Ending {
  const char* name;
  void (*end)(EventLoop& loop, std::optional<Deferred<int>>& source);
};

const Ending kEndings[] = {
    {"Fulfilled",
     [](EventLoop& loop, std::optional<Deferred<int>>& source) {
       source->resolve(1);
       EXPECT_EQ(loop.run(), absl::OkStatus());
       loop.close();
     }},
    {"Rejected",
     [](EventLoop& loop, std::optional<Deferred<int>>& source) {
       source->reject(error());
       EXPECT_EQ(loop.run(), absl::OkStatus());
       loop.close();
     }},
    {"Dropped",
     [](EventLoop& loop, std::optional<Deferred<int>>& source) {
       source.reset();
       EXPECT_EQ(loop.run(), absl::OkStatus());
       loop.close();
     }},
    {"ClosedWhenQueued",
     [](EventLoop& loop, std::optional<Deferred<int>>& source) {
       source->resolve(1);
       loop.close();
     }},
    {"ClosedAfterOneTurn",
     [](EventLoop& loop, std::optional<Deferred<int>>& source) {
       source->resolve(1);
       EXPECT_EQ(loop.poll(), absl::OkStatus());
       loop.close();
     }},
    {"RejectedAndClosedAfterOneTurn",
     [](EventLoop& loop, std::optional<Deferred<int>>& source) {
       source->reject(error());
       EXPECT_EQ(loop.poll(), absl::OkStatus());
       loop.close();
     }},
    {"ClosedThenFulfilled",
     [](EventLoop& loop, std::optional<Deferred<int>>& source) {
       loop.close();
       source->resolve(1);
     }},
    {"ClosedThenRejected",
     [](EventLoop& loop, std::optional<Deferred<int>>& source) {
       loop.close();
       source->reject(error());
     }},
    {"ClosedThenDropped",
     [](EventLoop& loop, std::optional<Deferred<int>>& source) {
       loop.close();
       source.reset();
     }},
};

class CaptureOfTest : public LoopTest, public testing::WithParamInterface<std::tuple<Operator, Ending>> {};

TEST_P(CaptureOfTest, IsDestroyedOnce) {
  const auto& [op, ending] = GetParam();
  ProbeCounts counts;
  std::optional<Deferred<int>> source(std::in_place);
  op.attach(source->promise(), Probe(counts));
  EXPECT_GT(counts.live, 0);
  ending.end(loop, source);
  EXPECT_EQ(counts.live, 0);
}

INSTANTIATE_TEST_SUITE_P(OwnershipTest, CaptureOfTest,
                         testing::Combine(testing::ValuesIn(kOperators), testing::ValuesIn(kEndings)),
                         [](const testing::TestParamInfo<CaptureOfTest::ParamType>& test) {
                           return std::string(std::get<Operator>(test.param).name) + "_" +
                                  std::get<Ending>(test.param).name;
                         });

TEST_F(CaptureTest, OfACallbackThatReturnedItsOwnPromiseIsDestroyedOnce) {
  ProbeCounts counts;
  std::optional<Promise<>> p;
  p = resolve().then([&, capture = Probe(counts)] { return *p; });
  run();
  EXPECT_EQ(p->status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CaptureTest, DiesWhenTheLoopClosesAlsoIfThePromiseIsHeld) {
  ProbeCounts counts;
  Promise<> waiting = sleep(absl::Seconds(1)).then([capture = Probe(counts)] {});
  Promise<> waiting_finally = sleep(absl::Seconds(1)).finally([capture = Probe(counts)] {});
  Promise<> following = resolve().then([capture = Probe(counts)] { return sleep(absl::Seconds(1)); });
  Promise<> between = resolve().finally([capture = Probe(counts)] { return sleep(absl::Seconds(1)); });
  poll();
  EXPECT_EQ(counts.live, 4);
  loop.close();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CaptureTest, MaySettleAPromiseByItsDestructor) {
  Deferred<> d;
  d.promise().catch_(log.note("broken"));
  resolve().then([&, d = std::move(d)] { log.add("callback"); }).then(log.note("next"));
  run();
  EXPECT_EQ(log.str(), "callback broken next");
}

TEST_F(CaptureTest, ThatIsAnUnsettledDeferredBreaksItsPromiseWhenTheLoopCloses) {
  Deferred<> d;
  Promise<> p = d.promise();
  sleep(absl::Seconds(1)).then([d = std::move(d)]() mutable { d.resolve(); });
  loop.close();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
}

// folly 78
TEST_F(CaptureTest, MayBeThePromiseOfItsOwnCallback) {
  ProbeCounts counts;
  auto self = std::make_shared<std::optional<Promise<>>>();
  *self = resolve().then([self, capture = Probe(counts)] { self->reset(); });
  self.reset();
  run();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CaptureTest, MayBeThePromiseThatTheCallbackWaitsFor) {
  ProbeCounts counts;
  Deferred<> d;
  const Promise<> p = d.promise();
  p.then([p, capture = Probe(counts)] {});
  d.resolve();
  run();
  EXPECT_EQ(counts.live, 0);
}

// asyncio 86: a promise that is dropped lives on as long as its Deferred could settle it.
TEST_F(CaptureTest, ThatIsThePromiseThatTheCallbackWaitsForDiesAfterTheDeferred) {
  ProbeCounts counts;
  {
    Deferred<> d;
    const Promise<> p = d.promise();
    p.then([p, capture = Probe(counts)] {}).catch_([] {});
  }
  poll();
  EXPECT_EQ(counts.live, 0);
}

using DestroyedInACallbackTest = LoopTest;

TEST_F(DestroyedInACallbackTest, ItsOwnPromise) {
  std::optional<Promise<>> p;
  p = resolve().then([&] {
    p.reset();
    log.add("then");
  });
  run();
  EXPECT_EQ(log.str(), "then");
}

TEST_F(DestroyedInACallbackTest, ItsOwnPromiseThatWillFollow) {
  std::optional<Promise<>> p;
  p = resolve().then([&] {
    p.reset();
    return sleep(absl::Seconds(1)).then(log.note("slept"));
  });
  run();
  EXPECT_EQ(log.str(), "slept");
}

TEST_F(DestroyedInACallbackTest, ThePromiseThatItWaitedFor) {
  std::optional<Promise<std::string>> p = resolve(std::string("a text that is not short enough for its object"));
  p->then([&](const std::string& text) {
    p.reset();
    log.add(text);
  });
  run();
  EXPECT_EQ(log.str(), "a text that is not short enough for its object");
}

// folly 76
TEST_F(DestroyedInACallbackTest, TheDeferredOfThePromiseThatItWaitedForInThen) {
  std::optional<Deferred<>> d(std::in_place);
  d->promise().then([&] { d.reset(); }).then(log.note("next"));
  d->resolve();
  run();
  EXPECT_EQ(log.str(), "next");
}

// folly 76
TEST_F(DestroyedInACallbackTest, TheDeferredOfThePromiseThatItWaitedForInCatch) {
  std::optional<Deferred<>> d(std::in_place);
  d->promise().catch_([&] { d.reset(); }).then(log.note("next"));
  d->reject(error());
  run();
  EXPECT_EQ(log.str(), "next");
}

// folly 76
TEST_F(DestroyedInACallbackTest, TheDeferredOfThePromiseThatItWaitedForInFinally) {
  std::optional<Deferred<int>> d(std::in_place);
  d->promise().finally([&] { d.reset(); }).then([&](int x) { log.add(x); });
  d->resolve(5);
  run();
  EXPECT_EQ(log.str(), "5");
}

TEST_F(DestroyedInACallbackTest, TheDeferredOfThePromiseThatItReturns) {
  std::optional<Deferred<>> d(std::in_place);
  Promise<> p = resolve().then([&] {
    Promise<> inner = d->promise();
    d.reset();
    return inner;
  });
  run();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
}

TEST_F(DestroyedInACallbackTest, TheNextPromise) {
  std::optional<Promise<>> next;
  next = resolve().then([&] { next.reset(); }).then(log.note("next"));
  run();
  EXPECT_EQ(log.str(), "next");
}

TEST_F(DestroyedInACallbackTest, TheNextPromiseInFinally) {
  std::optional<Promise<>> next;
  next = resolve().finally([&] { next.reset(); });
  next->then(log.note("next"));
  run();
  EXPECT_EQ(log.str(), "next");
}

TEST_F(DestroyedInACallbackTest, AllOtherPromises) {
  std::vector<Promise<>> promises;
  const Promise<> p = resolve();
  promises.push_back(p.then([&] { promises.clear(); }));
  promises.push_back(p.then(log.note("sibling")));
  promises.push_back(promises.back().then(log.note("next of sibling")));
  run();
  EXPECT_EQ(log.str(), "sibling next of sibling");
}

TEST_F(DestroyedInACallbackTest, ItsOwnFunction) {
  auto f = std::make_shared<std::function<void()>>();
  *f = [&, f, text = std::string("a text that is not short enough for its object")] {
    *f = nullptr;
    log.add("called");
  };
  resolve().then([f] {
    std::function<void()> call = *f;
    call();
  });
  f.reset();
  run();
  EXPECT_EQ(log.str(), "called");
}

class AfterTheLoopTest : public LoopTest {
 protected:
  ProbeCounts counts;
};

TEST_F(AfterTheLoopTest, AFulfilledPromiseHasItsValue) {
  const Promise<int> p = resolve(5);
  loop.close();
  EXPECT_TRUE(p.is_fulfilled());
  EXPECT_EQ(p.value(), 5);
  EXPECT_EQ(p.status(), absl::OkStatus());
}

TEST_F(AfterTheLoopTest, ARejectedPromiseHasItsError) {
  const Promise<int> p = reject<int>(error());
  loop.close();
  EXPECT_TRUE(p.is_rejected());
  EXPECT_EQ(p.status(), error());
}

TEST_F(AfterTheLoopTest, APromiseThatWaitedForACallbackIsRejected) {
  Promise<> p = resolve().then(log.note("called"));
  loop.close();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(p.status().ToString(), HasSubstr("closed"));
  EXPECT_EQ(log.str(), "");
}

TEST_F(AfterTheLoopTest, EachPromiseOfAChainIsRejected) {
  Promise<> first = sleep(absl::Seconds(1));
  Promise<> second = first.then(log.note("then"));
  Promise<> third = second.catch_(log.note("catch"));
  Promise<> fourth = third.finally(log.note("finally"));
  Promise<absl::Status> fifth = fourth.settled();
  loop.close();
  for (const absl::Status& status :
       {first.status(), second.status(), third.status(), fourth.status(), fifth.status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  }
  EXPECT_EQ(log.str(), "");
}

TEST_F(AfterTheLoopTest, APromiseThatFollowedIsRejected) {
  Promise<> p = resolve().then([] { return sleep(absl::Seconds(1)); });
  poll();
  loop.close();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
}

TEST_F(AfterTheLoopTest, APromiseThatWasAboutToFollowIsRejected) {
  Deferred<Probe> d;
  Promise<Probe> p = d.promise();
  d.resolve(resolve(Probe(counts)));
  loop.close();
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(AfterTheLoopTest, ADeferredStillSettlesItsPromise) {
  Deferred<int> fulfilled, rejected;
  loop.close();
  EXPECT_TRUE(fulfilled.promise().is_pending());
  EXPECT_TRUE(fulfilled.resolve(5));
  EXPECT_TRUE(rejected.reject(error()));
  EXPECT_EQ(fulfilled.promise().value(), 5);
  EXPECT_EQ(rejected.promise().status(), error());
}

// KJ 11
TEST_F(AfterTheLoopTest, AValueDiesWithTheDeferredIfNobodyWaitsForIt) {
  {
    Deferred<Probe> d;
    loop.close();
    d.resolve(Probe(counts));
    EXPECT_EQ(counts.live, 1);
  }
  EXPECT_EQ(counts.live, 0);
}

TEST_F(AfterTheLoopTest, ADroppedDeferredStillBreaksItsPromise) {
  std::optional<Deferred<>> d(std::in_place);
  Promise<> p = d->promise();
  loop.close();
  d.reset();
  EXPECT_THAT(p.status().ToString(), HasSubstr("broken promise"));
}

TEST_F(AfterTheLoopTest, ADeferredCallsNoCallbackAndRejectsWhatWaited) {
  Deferred<> d;
  Promise<> child = d.promise().then([&, capture = Probe(counts)] { log.add("called"); });
  loop.close();
  d.resolve();
  EXPECT_EQ(log.str(), "");
  EXPECT_EQ(child.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(AfterTheLoopTest, ADeferredMayBeResolvedWithAPromise) {
  Deferred<Probe> d;
  const Promise<Probe> p = d.promise();
  const Promise<Probe> other = resolve(Probe(counts));
  loop.close();
  d.resolve(other);
  EXPECT_EQ(p.status().code(), absl::StatusCode::kAborted);
}

TEST_F(AfterTheLoopTest, ADeferredMayBeResolvedWithItsOwnPromise) {
  Deferred<> d;
  loop.close();
  d.resolve(d.promise());
  EXPECT_EQ(d.promise().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(AfterTheLoopTest, ADeferredDoesNotCallBackOnTheNextLoop) {
  Deferred<> d;
  d.promise().then(log.note("called"));
  loop.close();
  EventLoop next({.clock = Clock::kVirtual});
  d.resolve();
  EXPECT_EQ(next.run(), absl::OkStatus());
  EXPECT_EQ(log.str(), "");
}

TEST_F(AfterTheLoopTest, APromiseMayBeCopiedMovedAndDropped) {
  Promise<Probe> p = resolve(Probe(counts));
  loop.close();
  {
    Promise<Probe> copy = p;
    Promise<Probe> moved = std::move(p);
    copy = moved;
  }
  EXPECT_EQ(counts.live, 0);
}

TEST_F(AfterTheLoopTest, WhenAllOfWhatADeferredSettlesIsRejected) {
  Deferred<int> d;
  Promise<std::vector<int>> all = when_all({d.promise(), resolve(5)});
  loop.close();
  d.resolve(1);
  EXPECT_EQ(all.status().code(), absl::StatusCode::kAborted);
}

TEST_F(AfterTheLoopTest, ALongChainIsDroppedWithoutRecursion) {
  Deferred<> d;
  Promise<> end = d.promise();
  for (int i = 0; i < 100'000; ++i) end = end.then([capture = Probe(counts)] {});
  loop.close();
  d.resolve();
  EXPECT_EQ(end.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(AfterTheLoopTest, DeferredsThatAreCapturesOfEachOtherAreDroppedWithoutRecursion) {
  std::optional<Deferred<>> first(std::in_place);
  Promise<> end = first->promise();
  for (int i = 0; i < 100'000; ++i) {
    Deferred<> d;
    Promise<> promise = d.promise();
    std::move(end).then([d = std::move(d)]() mutable { d.resolve(); });
    end = promise;
  }
  loop.close();
  first.reset();
  EXPECT_TRUE(end.is_rejected());
}

TEST_F(AfterTheLoopTest, WhatWasStillQueuedMayMakeMoreWhenItIsDestroyed) {
  struct Maker {
    ~Maker() {
      resolve().then([] {});
    }
  };
  resolve().then([maker = std::make_unique<Maker>()] {});
  loop.close();
  EXPECT_TRUE(loop.is_closed());
}

TEST(PromiseTypeTest, IsOnePointerWide) {
  EXPECT_EQ(sizeof(Promise<int>), sizeof(void*));
  EXPECT_EQ(sizeof(Promise<>), sizeof(void*));
  EXPECT_EQ(sizeof(Promise<std::string>), sizeof(void*));
}

// folly 106: growth is to be a decision. The place where a promise was made has one pointer, or two where the compiler
// has no std::source_location.
TEST(PromiseTypeTest, HasAStateOf64Bytes) {
  if (sizeof(void*) != 8) GTEST_SKIP();
  EXPECT_EQ(sizeof(promise_internal::PlainState<int>), 56 + sizeof(SourceLocation));
}

TEST(PromiseTypeTest, IsCopyableIfItsValueIs) {
  EXPECT_TRUE(std::is_copy_constructible_v<Promise<std::string>>);
  EXPECT_TRUE(std::is_copy_assignable_v<Promise<std::string>>);
  EXPECT_TRUE(std::is_copy_constructible_v<Promise<>>);
  EXPECT_FALSE(std::is_copy_constructible_v<Promise<std::unique_ptr<int>>>);
  EXPECT_FALSE(std::is_copy_assignable_v<Promise<std::unique_ptr<int>>>);
}

TEST(PromiseTypeTest, IsMovedWithoutFail) {
  EXPECT_TRUE(std::is_nothrow_move_constructible_v<Promise<std::string>>);
  EXPECT_TRUE(std::is_nothrow_move_constructible_v<Promise<std::unique_ptr<int>>>);
  EXPECT_TRUE(std::is_nothrow_move_constructible_v<Deferred<int>>);
  EXPECT_TRUE(std::is_nothrow_move_assignable_v<Promise<std::unique_ptr<int>>>);
}

TEST(DeferredTypeTest, HasNoCopy) {
  EXPECT_FALSE(std::is_copy_constructible_v<Deferred<int>>);
  EXPECT_FALSE(std::is_copy_assignable_v<Deferred<int>>);
}

using HandleTest = LoopTest;

TEST_F(HandleTest, AssignedToItselfStaysWhatItIs) {
  Promise<int> p = resolve(5);
  Promise<int>& same = p;
  p = same;
  p = std::move(same);
  EXPECT_EQ(p.value(), 5);
}

TEST_F(HandleTest, OfADeferredAssignedToItselfStaysWhatItIs) {
  Deferred<int> d;
  Deferred<int>& same = d;
  d = std::move(same);
  EXPECT_TRUE(d.resolve(5));
}

// folly 81
TEST_F(HandleTest, MovedFromMayBeAssignedTo) {
  Promise<int> p = resolve(5);
  Promise<int> other = std::move(p);
  p = resolve(6);
  EXPECT_EQ(p.value(), 6);
  EXPECT_EQ(other.value(), 5);
}

TEST_F(HandleTest, CopiesStandForTheSameOutcome) {
  Deferred<int> d;
  Promise<int> p = d.promise();
  Promise<int> copy = p;
  Promise<int> assigned = resolve(0);
  assigned = p;
  d.resolve(5);
  EXPECT_EQ(copy.value(), 5);
  EXPECT_EQ(&copy.value(), &p.value());
  EXPECT_EQ(&assigned.value(), &p.value());
}

TEST_F(HandleTest, DroppedWhilePendingStopsNothing) {
  {
    sleep(absl::Seconds(1)).then([] { return sleep(absl::Seconds(1)); }).then(log.note("done"));
  }
  run();
  EXPECT_EQ(log.str(), "done");
}

}  // namespace
}  // namespace vow
