// Cancels from within: from callbacks that run, and from what is destroyed meanwhile.

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

absl::Status error() { return absl::NotFoundError("e"); }
absl::Status cancelled(const char* reason = "cancelled") { return absl::CancelledError(reason); }

// To be captured: calls f when it is destroyed, once.
template <class F>
class AtDestruction {
 public:
  explicit AtDestruction(F f) : f_(std::move(f)) {}
  AtDestruction(AtDestruction&& other) : f_(std::move(other.f_)), armed_(std::exchange(other.armed_, false)) {}
  ~AtDestruction() {
    if (armed_) f_();
  }

 private:
  F f_;
  bool armed_ = true;
};

// `p` is for callbacks that cancel their own promise.
class CancelInItsCallbackTest : public LoopTest {
 protected:
  ProbeCounts counts;
  Promise<> p = resolve();
};

TEST_F(CancelInItsCallbackTest, DropsTheResult) {
  Promise<int> promise = 0;
  promise = resolve().then([&] {
    EXPECT_TRUE(promise.cancel());
    return 5;
  });
  run();
  EXPECT_EQ(promise.status(), cancelled());
}

TEST_F(CancelInItsCallbackTest, DropsAnError) {
  p = resolve().then([&]() -> absl::Status {
    p.cancel();
    return error();
  });
  run();
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CancelInItsCallbackTest, DropsTheResultOfACallbackForErrors) {
  p = reject(error()).catch_([&] { p.cancel(); });
  run();
  EXPECT_EQ(p.status(), cancelled());
}

#ifdef __cpp_exceptions
TEST_F(CancelInItsCallbackTest, DropsWhatItThrows) {
  p = resolve().then([&] {
    p.cancel();
    throw 5;
  });
  run();
  EXPECT_EQ(p.status(), cancelled());
}
#endif

TEST_F(CancelInItsCallbackTest, IsHeardOnce) {
  p = resolve().then([&] { p.cancel(); });
  p.then(log.note("value"), log.note("error"));
  run();
  EXPECT_EQ(log.str(), "error");
}

TEST_F(CancelInItsCallbackTest, LetsItGoOnToItsEnd) {
  p = resolve().then([this, probe = Probe(counts)] {
    p.cancel();
    EXPECT_EQ(counts.live, 1);
  });
  run();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CancelInItsCallbackTest, CancelsThePromiseThatItReturns) {
  Deferred<> d;
  p = resolve().then([&] {
    p.cancel("stop");
    return d.promise();
  });
  run();
  EXPECT_EQ(d.promise().status(), cancelled("stop"));
}

TEST_F(CancelInItsCallbackTest, LetsAPromiseThatItReturnsGoOnIfSomebodyHoldsIt) {
  const Promise<> held = sleep(absl::Seconds(1));
  p = resolve().then([&] {
    p.cancel();
    return held;
  });
  run();
  EXPECT_TRUE(held.is_fulfilled());
}

TEST_F(CancelInItsCallbackTest, LetsItReturnItself) {
  p = resolve().then([&] {
    p.cancel();
    return p;
  });
  run();
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CancelInItsCallbackTest, CancelsAPromiseThatItReturnsAlthoughThatWaitsForIt) {
  p = resolve().then([&] {
    p.cancel();
    return p.catch_(log.note("error"));
  });
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(CancelInItsCallbackTest, MayComeFromTheOnlyOneThatWaitsForIt) {
  Deferred<> d;
  p = resolve()
          .then([&, probe = Probe(counts)] {
            p.cancel("stop");
            return d.promise();
          })
          .then(log.note("then"));
  run();
  EXPECT_EQ(d.promise().status(), cancelled("stop"));
  EXPECT_EQ(counts.live, 0);
  EXPECT_EQ(log.str(), "");
}

TEST_F(CancelInItsCallbackTest, MayComeFromTheDestructorOfTheValueThatItGot) {
  p = resolve(AtDestruction([&] { p.cancel(); })).then([probe = Probe(counts)](const auto&) {
    return sleep(absl::Seconds(1));
  });
  run();
  EXPECT_EQ(p.status(), cancelled());
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CancelInItsCallbackTest, OfAPromiseThatADeferredFollows) {
  Deferred<> d;
  d.resolve(resolve().then([&] { d.promise().cancel("stop"); }));
  run();
  EXPECT_EQ(d.promise().status(), cancelled("stop"));
}

TEST_F(CancelInItsCallbackTest, OfASiblingKeepsThatFromRunning) {
  Deferred<> d;
  d.promise().then([&] { EXPECT_TRUE(p.cancel()); });
  p = d.promise().then(log.note("sibling"));
  d.resolve();
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(CancelInItsCallbackTest, OfASiblingThatHasRunIsRefused) {
  Deferred<> d;
  p = d.promise().then(log.note("sibling"));
  d.promise().then([&] { EXPECT_FALSE(p.cancel()); });
  d.resolve();
  run();
  EXPECT_TRUE(p.is_fulfilled());
}

TEST_F(CancelInItsCallbackTest, OfItsSourceIsRefused) {
  const Promise<int> source = 5;
  source.then([&] { EXPECT_FALSE(source.cancel()); });
  run();
  EXPECT_EQ(source.value(), 5);
}

// `finally` has more steps than others: it waits for its source, calls h, waits for what h returned, and then a tick
// for its source again.
class CancelFinallyTest : public LoopTest {
 protected:
  // From within a callback: when so many more microtasks have run.
  void cancel_in(int ticks) {
    if (ticks == 0) {
      p.cancel();
    } else {
      loop.queue_microtask([this, ticks] { cancel_in(ticks - 1); });
    }
  }

  Promise<int> p = 0;
};

TEST_F(CancelFinallyTest, BeforeItsSourceHasSettledKeepsTheCallbackFromRunning) {
  p = sleep(absl::Seconds(1)).then([] { return 5; }).finally(log.note("finally"));
  p.cancel();
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(CancelFinallyTest, AfterItsSourceHasSettledKeepsTheCallbackFromRunning) {
  p = Promise<int>(5).finally(log.note("finally"));
  EXPECT_TRUE(p.cancel());
  run();
  EXPECT_EQ(log.str(), "");
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CancelFinallyTest, InsideOfTheCallbackDropsTheOutcome) {
  p = Promise<int>(5).finally([&] { p.cancel(); });
  run();
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CancelFinallyTest, InsideOfTheCallbackDropsItsError) {
  p = Promise<int>(5).finally([&]() -> absl::Status {
    p.cancel();
    return error();
  });
  run();
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CancelFinallyTest, InsideOfTheCallbackCancelsThePromiseThatItReturns) {
  Deferred<> d;
  p = Promise<int>(5).finally([&] {
    p.cancel("stop");
    return d.promise();
  });
  run();
  EXPECT_EQ(d.promise().status(), cancelled("stop"));
}

TEST_F(CancelFinallyTest, ATickAfterTheCallback) {
  p = Promise<int>(5).finally([&] { cancel_in(1); });
  run();
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CancelFinallyTest, TwoTicksAfterTheCallback) {
  p = Promise<int>(5).finally([&] { cancel_in(2); });
  run();
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CancelFinallyTest, ThreeTicksAfterTheCallbackIsTooLate) {
  p = Promise<int>(5).finally([&] { cancel_in(3); });
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(CancelFinallyTest, CancelsThePromiseThatTheCallbackReturned) {
  Deferred<> d;
  p = Promise<int>(5).finally([&] { return d.promise(); });
  run();
  p.cancel("stop");
  EXPECT_EQ(d.promise().status(), cancelled("stop"));
}

TEST_F(CancelFinallyTest, LeavesAPromiseThatTheCallbackReturnedToThoseWhoHoldIt) {
  const Promise<> held = sleep(absl::Seconds(1));
  p = Promise<int>(5).finally([&] { return held; });
  poll();
  EXPECT_TRUE(p.cancel());
  EXPECT_TRUE(held.is_pending());
}

TEST_F(CancelFinallyTest, ATickAfterThePromiseThatTheCallbackReturnedHasSettled) {
  Deferred<> d;
  p = Promise<int>(5).finally([&] { return d.promise(); });
  poll();
  d.resolve();
  EXPECT_TRUE(p.cancel());
  run();
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CancelFinallyTest, TwoTicksAfterThePromiseThatTheCallbackReturnedHasSettled) {
  Deferred<> d;
  p = Promise<int>(5).finally([&] { return d.promise(); });
  poll();
  d.promise().catch_([&] { EXPECT_TRUE(p.cancel()); });
  d.reject(error());
  run();
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CancelFinallyTest, FromTheDestructorOfTheCallback) {
  p = Promise<int>(5).finally([end = AtDestruction([&] { p.cancel(); })] {});
  run();
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CancelFinallyTest, FromTheDestructorOfTheCallbackThatReturnedAPromise) {
  p = Promise<int>(5).finally([end = AtDestruction([&] { p.cancel(); })] { return sleep(absl::Seconds(1)); });
  run();
  EXPECT_EQ(p.status(), cancelled());
}

// What callbacks hold is destroyed inside of `cancel`, and may do whatever it likes.
class CapturesTest : public LoopTest {
 protected:
  ProbeCounts counts;
  Promise<> p = resolve();
};

TEST_F(CapturesTest, AreDestroyedWhenThePromiseIsRejected) {
  p = sleep(absl::Seconds(1)).then([end = AtDestruction([&] { EXPECT_TRUE(p.is_rejected()); })] {});
  p.cancel();
}

TEST_F(CapturesTest, AreDestroyedWhenAllThatIsCancelledWithThemIsRejected) {
  Deferred<> d;
  p = d.promise().then([] {}).then([end = AtDestruction([&] { EXPECT_FALSE(d.resolve()); })] {}).then([] {});
  p.cancel();
  EXPECT_TRUE(d.promise().is_rejected());
}

TEST_F(CapturesTest, AreDestroyedWhenConsumersAreQueued) {
  p = sleep(absl::Seconds(1)).then([end = AtDestruction([&] { loop.queue_microtask(log.note("captures")); })] {});
  p.catch_(log.note("consumer"));
  p.cancel();
  run();
  EXPECT_EQ(log.str(), "consumer captures");
}

TEST_F(CapturesTest, MayHoldTheDeferredThatTheyWaitFor) {
  std::optional<Deferred<>> d(std::in_place);
  Promise<> source = d->promise();
  p = std::move(source).then([held = std::move(*d), probe = Probe(counts)] {});
  d.reset();
  p.cancel();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CapturesTest, MayHoldTheLastHandle) {
  auto handle = std::make_shared<std::optional<Promise<>>>();
  *handle = sleep(absl::Seconds(1)).then([handle, probe = Probe(counts)] {});
  const Promise<>& only = **handle;
  handle.reset();
  EXPECT_TRUE(only.cancel());
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CapturesTest, MayHoldHandlesOfWhatIsCancelledWithThem) {
  Promise<> a = sleep(absl::Seconds(1)).then([probe = Probe(counts)] {});
  Promise<> b = a.then([a, probe = Probe(counts)] {});
  p = b.then([a, b, probe = Probe(counts)] {});
  const Promise<> c = p;
  a.cancel();
  b.cancel();
  c.cancel();
  a = b = resolve();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CapturesTest, MayCancelThePromiseAgain) {
  p = sleep(absl::Seconds(1)).then([end = AtDestruction([&] { EXPECT_FALSE(p.cancel("again")); })] {});
  p.cancel();
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CapturesTest, MayCancelAnother) {
  const Promise<> other = sleep(absl::Seconds(1)).then([probe = Probe(counts)] {});
  p = sleep(absl::Seconds(1)).then([end = AtDestruction([&] { other.cancel("other"); })] {});
  p.cancel();
  EXPECT_EQ(other.status(), cancelled("other"));
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CapturesTest, MayCancelAConsumer) {
  Promise<> consumer = resolve();
  p = sleep(absl::Seconds(1)).then([end = AtDestruction([&] { EXPECT_TRUE(consumer.cancel("consumer")); })] {});
  consumer = p.then([] {}, log.note("error"));
  p.cancel();
  run();
  EXPECT_EQ(consumer.status(), cancelled("consumer"));
  EXPECT_EQ(log.str(), "");
}

TEST_F(CapturesTest, MaySettleAnother) {
  Deferred<> d;
  d.promise().then(log.note("settled"));
  p = sleep(absl::Seconds(1)).then([end = AtDestruction([&] { d.resolve(); })] {});
  p.cancel();
  run();
  EXPECT_EQ(log.str(), "settled");
}

TEST_F(CapturesTest, MayWaitForThePromise) {
  p = sleep(absl::Seconds(1)).then([end = AtDestruction([&] { p.catch_(log.note("error")); })] {});
  p.cancel();
  run();
  EXPECT_EQ(log.str(), "error");
}

TEST_F(CapturesTest, OfACallbackThatHasRunMayCancelItsPromise) {
  Promise<int> promise = 0;
  promise = resolve().then([end = AtDestruction([&] { promise.cancel(); })] { return 5; });
  run();
  EXPECT_EQ(promise.status(), cancelled());
}

TEST_F(CapturesTest, OfACallbackThatReturnedAPromiseMayCancelItsPromise) {
  p = resolve().then([end = AtDestruction([&] { p.cancel(); })] { return sleep(absl::Seconds(1)); });
  run();
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CapturesTest, OfACallbackThatAnErrorPassesByMayCancelItsPromise) {
  p = reject(error()).then([end = AtDestruction([&] { p.cancel(); })] {});
  run();
  EXPECT_EQ(p.status(), cancelled());
}

TEST_F(CapturesTest, MayCancelWhileTheLoopCloses) {
  const Promise<> other = sleep(absl::Seconds(1)).then([probe = Probe(counts)] {});
  resolve().then([end = AtDestruction([&] { other.cancel(); })] {});
  loop.close();
  EXPECT_TRUE(other.is_rejected());
  EXPECT_EQ(counts.live, 0);
}

}  // namespace
}  // namespace vow
