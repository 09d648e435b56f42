// How far a cancel travels: upstream, to the producer, as far as nobody else is looking.

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

absl::Status error() { return absl::NotFoundError("e"); }
absl::Status cancelled(const char* reason) { return absl::CancelledError(reason); }

class CancelTravelsTest : public LoopTest {
 protected:
  ~CancelTravelsTest() override { source.resolve(); }

  // What the request has come to.
  absl::Status source_status() { return source.promise().status(); }
  bool is_source_pending() { return source.promise().is_pending(); }

  ProbeCounts counts;
  Deferred<> source;
};

// folly 96
TEST_F(CancelTravelsTest, ThroughThen) {
  source.promise().then([] {}).then([] {}, [] {}).cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, ThroughCatch) {
  source.promise().catch_([] {}).cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, ThroughFinally) {
  source.promise().finally([] {}).cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, ThroughSettled) {
  source.promise().settled().cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, FromTheMiddle) {
  const Promise<> middle = source.promise().then([] {});
  middle.then([] {}).then([] {});
  middle.cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, ToThePromiseThatACallbackReturned) {
  const Promise<> p = resolve().then([&] { return source.promise(); });
  run();
  p.cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, ToThePromiseThatACallbackForErrorsReturned) {
  const Promise<> p = reject(error()).catch_([&] { return source.promise(); });
  run();
  p.cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, ToThePromiseThatACallbackReturnedBeforeItIsListenedTo) {
  Promise<> p = resolve();
  p = resolve().then([&] {
    loop.queue_microtask([&] { p.cancel("stop"); });
    return source.promise();
  });
  run();
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, ThroughManyPromisesThatCallbacksReturned) {
  const Promise<> p =
      resolve().then([&] { return resolve().then([&] { return resolve().then([&] { return source.promise(); }); }); });
  run();
  p.cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, NotToAResultThatACallbackReturnedAndThatIsThere) {
  Promise<int> returned = 5, p = 0;
  p = resolve().then([&] {
    loop.queue_microtask([&] { p.cancel("stop"); });
    return returned;
  });
  run();
  EXPECT_EQ(p.status(), cancelled("stop"));
  EXPECT_EQ(returned.value(), 5);
}

TEST_F(CancelTravelsTest, DestroysACallbackThatWasKeptForThePromiseItReturned) {
  const Promise<> p = resolve().then([this, probe = Probe(counts)] { return source.promise(); });
  run();
  p.cancel();
  EXPECT_EQ(counts.live, 0);
}

// asyncio 88
TEST_F(CancelTravelsTest, ToThePromiseThatADeferredWasResolvedWith) {
  Deferred<> outer;
  outer.resolve(source.promise());
  run();
  outer.promise().cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

// asyncio 88
TEST_F(CancelTravelsTest, ToThePromiseThatADeferredWasResolvedWithBeforeItIsListenedTo) {
  Deferred<> outer;
  outer.resolve(source.promise());
  outer.promise().cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, ToThePromiseThatADeferredWasResolvedWithFromFurtherDown) {
  Deferred<> outer;
  outer.resolve(source.promise());
  run();
  outer.promise().then([] {}).cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, ToThePromiseThatADeferredThatIsGoneWasResolvedWith) {
  std::optional<Deferred<>> outer(std::in_place);
  const Promise<> p = outer->promise().then([] {});
  outer->resolve(source.promise());
  outer.reset();
  run();
  p.cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, AllTheWay) {
  Deferred<> outer;
  outer.resolve(source.promise().then([] {}).finally([] {}));
  const Promise<> p = resolve().then([&] { return outer.promise().catch_([] {}); }).then([] {});
  run();
  p.cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, AChainOfAMillionLinks) {
  Promise<> p = source.promise();
  for (int i = 0; i < 1'000'000; ++i) p = std::move(p).then([probe = Probe(counts)] {});
  p.cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CancelTravelsTest, AMillionPromisesThatFollowEachOther) {
  Promise<> p = source.promise();
  for (int i = 0; i < 1'000'000; ++i) {
    Deferred<> d;
    d.resolve(std::move(p));
    p = d.promise();
  }
  p.cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, NotPastAnotherHandle) {
  const Promise<> held = source.promise();
  const Promise<> p = held.then([] {});
  p.cancel();
  EXPECT_TRUE(held.is_pending());
}

TEST_F(CancelTravelsTest, NotPastAnotherHandleInTheMiddle) {
  const Promise<> held = source.promise().then(log.note("held"));
  held.then(log.note("cancelled")).cancel();
  source.resolve();
  run();
  EXPECT_EQ(log.str(), "held");
}

// KJ 15
TEST_F(CancelTravelsTest, NotPastAnotherReaction) {
  source.promise().then(log.note("other"));
  source.promise().then(log.note("cancelled")).cancel();
  source.resolve();
  run();
  EXPECT_EQ(log.str(), "other");
}

// KJ 15
TEST_F(CancelTravelsTest, PastAReactionThatHasBeenCancelled) {
  const Promise<> a = source.promise().then([] {}), b = source.promise().then([] {});
  a.cancel();
  EXPECT_TRUE(is_source_pending());
  b.cancel("stop");
  EXPECT_EQ(source_status(), cancelled("stop"));
}

TEST_F(CancelTravelsTest, NotPastAHandleThatACallbackHolds) {
  const Promise<> p = source.promise().then([held = source.promise()] {});
  p.cancel();
  EXPECT_TRUE(is_source_pending());
}

TEST_F(CancelTravelsTest, NotToAPromiseThatACallbackReturnedAndSomebodyHolds) {
  const Promise<> held = source.promise();
  const Promise<> p = resolve().then([&] { return held; });
  run();
  p.cancel();
  EXPECT_TRUE(held.is_pending());
}

TEST_F(CancelTravelsTest, NotToAPromiseThatADeferredWasResolvedWithAndSomebodyHolds) {
  const Promise<> held = source.promise();
  Deferred<> outer;
  outer.resolve(held);
  run();
  outer.promise().cancel();
  EXPECT_TRUE(held.is_pending());
}

TEST_F(CancelTravelsTest, NotPastAFollowerThatSomebodyElseWaitsFor) {
  Deferred<> outer;
  outer.resolve(source.promise());
  outer.promise().then(log.note("other"));
  run();
  outer.promise().then([] {}).cancel();
  source.resolve();
  run();
  EXPECT_EQ(log.str(), "other");
}

}  // namespace
}  // namespace vow
