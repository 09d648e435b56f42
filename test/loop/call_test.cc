// Callbacks, and the handles that cancel them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "test/support/log.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

// A callback that does nothing when it runs, and calls f when it is destroyed.
auto at_end(std::function<void()> f) {
  return [alive = std::shared_ptr<void>(nullptr, [f = std::move(f)](void*) { f(); })] {};
}

// A callback that holds something and does nothing.
template <class T>
auto holding(T held) {
  return [held = std::move(held)] {};
}

// The four ways into the loop, to be tested alike.
template <class F>
void call_in_every_way(EventLoop& loop, F make_callback) {
  loop.call_soon(make_callback());
  loop.call_later(absl::Seconds(1), make_callback());
  loop.queue_microtask(make_callback());
  loop.post(make_callback());
}

using HandleTest = LoopTest;

TEST_F(HandleTest, StandsForNothingAtFirst) {
  Handle handle;
  EXPECT_FALSE(handle.is_waiting());
  EXPECT_FALSE(handle.cancel());
}

// asyncio 4
TEST_F(HandleTest, CancelsACallSoon) {
  loop.call_soon(log.note("a"));
  Handle handle = loop.call_soon(log.note("b"));
  loop.call_soon(log.note("c"));
  EXPECT_TRUE(handle.cancel());
  run();
  EXPECT_EQ(log.str(), "a c");
}

TEST_F(HandleTest, CancelsATimer) {
  loop.call_later(absl::Seconds(1), log.note("a"));
  Handle handle = loop.call_later(absl::Seconds(1), log.note("b"));
  Handle other = loop.call_at(loop.now() + absl::Hours(1), log.note("c"));
  loop.call_later(absl::Seconds(1), log.note("d"));
  EXPECT_TRUE(handle.cancel());
  EXPECT_TRUE(other.cancel());
  run();
  EXPECT_EQ(log.str(), "a d");
  EXPECT_EQ(loop.now(), absl::UnixEpoch() + absl::Seconds(1)) << "nothing was left to wait for";
}

TEST_F(HandleTest, CancelsATimerThatIsNeverDue) {
  Handle handle = loop.call_later(absl::InfiniteDuration(), holding(log.at_end("destroyed")));
  EXPECT_TRUE(handle.cancel());
  EXPECT_EQ(log.str(), "destroyed");
}

// asyncio 12
TEST_F(HandleTest, CancelsThatOneOfTwoTimersOfOneInstant) {
  const absl::Time time = loop.now() + absl::Seconds(1);
  Handle a = loop.call_at(time, log.note("a"));
  Handle b = loop.call_at(time, log.note("b"));
  EXPECT_TRUE(a.cancel());
  run();
  EXPECT_EQ(log.str(), "b");
  EXPECT_FALSE(b.cancel());
}

// asyncio 5
TEST_F(HandleTest, CancelsOnce) {
  Handle soon = loop.call_soon(log.note("soon"));
  Handle later = loop.call_later(absl::Seconds(1), log.note("later"));
  EXPECT_TRUE(soon.cancel());
  EXPECT_FALSE(soon.cancel());
  EXPECT_TRUE(later.cancel());
  EXPECT_FALSE(later.cancel());
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(HandleTest, CancelsNothingAfterTheCallbackRan) {
  Handle soon = loop.call_soon(log.note("soon"));
  Handle later = loop.call_later(absl::Seconds(1), log.note("later"));
  run();
  EXPECT_FALSE(soon.cancel());
  EXPECT_FALSE(later.cancel());
  run();
  EXPECT_EQ(log.str(), "soon later");
}

TEST_F(HandleTest, CancelsNothingInsideItsOwnCallback) {
  Handle soon, later;
  soon = loop.call_soon([&] { EXPECT_FALSE(soon.cancel() || soon.is_waiting()); });
  later = loop.call_later(absl::Seconds(1), [&, alive = log.at_end("destroyed")] {
    EXPECT_FALSE(later.cancel() || later.is_waiting());
    log.add("ran");
  });
  run();
  EXPECT_EQ(log.str(), "ran destroyed");
}

TEST_F(HandleTest, CancelsWhatIsDueInTheSameTurn) {
  Handle soon, later, post_soon;
  loop.call_soon([&] { EXPECT_TRUE(soon.cancel()); });
  soon = loop.call_soon(log.note("soon"));
  loop.call_later(absl::ZeroDuration(), [&] { EXPECT_TRUE(later.cancel() && post_soon.cancel()); });
  later = loop.call_later(absl::ZeroDuration(), log.note("later"));
  post_soon = loop.call_soon(log.note("post_soon"));
  loop.call_soon(log.note("end"));
  poll();
  EXPECT_EQ(log.str(), "end");
}

// asyncio 6
TEST_F(HandleTest, DestroysTheCallbackAtOnceWhenItCancels) {
  Handle soon = loop.call_soon(holding(log.at_end("soon")));
  Handle later = loop.call_later(absl::Hours(1), holding(log.at_end("later")));
  later.cancel();
  soon.cancel();
  log.add("|");
  run();
  EXPECT_EQ(log.str(), "later soon |");
}

TEST_F(HandleTest, DoesNotKeepTheCallbackThatRan) {
  Handle soon = loop.call_soon(holding(log.at_end("soon")));
  Handle later = loop.call_later(absl::Hours(1), holding(log.at_end("later")));
  run();
  EXPECT_EQ(log.str(), "soon later");
}

TEST_F(HandleTest, DoesNotCancelWhenItIsDropped) {
  static_cast<void>(loop.call_soon(log.note("soon")));
  { Handle handle = loop.call_later(absl::Hours(1), log.note("later")); }
  run();
  EXPECT_EQ(log.str(), "soon later");
}

TEST_F(HandleTest, TellsWhetherTheCallbackStillWaits) {
  Handle ran = loop.call_later(absl::Seconds(1), [] {});
  Handle cancelled = loop.call_soon([] {});
  EXPECT_TRUE(ran.is_waiting() && cancelled.is_waiting());
  cancelled.cancel();
  run();
  EXPECT_FALSE(ran.is_waiting() || cancelled.is_waiting());
}

TEST_F(HandleTest, SharesItsCallbackWithItsCopies) {
  Handle first = loop.call_later(absl::Seconds(1), log.note("a"));
  Handle second = first;
  Handle third;
  third = second;
  EXPECT_TRUE(third.cancel());
  EXPECT_FALSE(first.cancel() || first.is_waiting() || second.is_waiting());
}

TEST_F(HandleTest, StandsForNothingWhenItIsMovedFrom) {
  Handle first = loop.call_later(absl::Seconds(1), log.note("a"));
  Handle second = std::move(first);
  EXPECT_FALSE(first.cancel());  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(second.cancel());
}

TEST_F(HandleTest, LeavesTheCallbackAloneWhenItIsAssignedAnother) {
  Handle handle = loop.call_later(absl::Seconds(1), log.note("a"));
  handle = loop.call_later(absl::Seconds(2), log.note("b"));
  EXPECT_TRUE(handle.cancel());
  run();
  EXPECT_EQ(log.str(), "a");
}

TEST_F(HandleTest, MayBeHeldByItsOwnCallback) {
  auto handle = std::make_shared<Handle>();
  *handle = loop.call_later(absl::Seconds(1), [handle, alive = log.at_end("destroyed")] {});
  handle.reset();
  run();
  EXPECT_EQ(log.str(), "destroyed");
}

TEST_F(HandleTest, MayBeDestroyedByTheDestructionOfTheCallbackThatItCancels) {
  for (bool soon : {false, true}) {
    auto handle = std::make_shared<Handle>();
    auto callback = [handle, alive = log.at_end("destroyed")] {};
    *handle = soon ? loop.call_soon(std::move(callback)) : loop.call_later(absl::Seconds(1), std::move(callback));
    Handle* held_by_callback = handle.get();
    handle.reset();
    EXPECT_TRUE(held_by_callback->cancel());
  }
  run();
  EXPECT_EQ(log.str(), "destroyed destroyed");
}

TEST_F(HandleTest, LetsACallbackThatIsDestroyedCancelOthers) {
  Handle second = loop.call_soon(log.note("second"));
  Handle third = loop.call_later(absl::Seconds(1), log.note("third"));
  Handle first = loop.call_later(absl::Seconds(1), at_end([&] {
                                   second.cancel();
                                   third.cancel();
                                   EXPECT_FALSE(first.cancel());
                                 }));
  EXPECT_TRUE(first.cancel());
  run();
  EXPECT_EQ(log.str(), "");
}

// asyncio 17
TEST_F(HandleTest, LeavesOneTimerOfManyThatAreCancelled) {
  std::vector<Handle> handles;
  for (int i = 0; i < 10'000; ++i) handles.push_back(loop.call_later(absl::Milliseconds(i), log.note("cancelled")));
  loop.call_later(absl::Hours(24), log.note("far"));
  for (Handle& handle : handles) EXPECT_TRUE(handle.cancel());
  run();
  EXPECT_EQ(log.str(), "far");
}

TEST(HandleLifetimeTest, MayOutliveItsLoop) {
  Log log;
  Handle soon, later, cancelled, copy;
  {
    EventLoop loop({.clock = Clock::kVirtual});
    soon = loop.call_soon(holding(log.at_end("soon")));
    later = loop.call_later(absl::Seconds(1), holding(log.at_end("later")));
    cancelled = loop.call_later(absl::Seconds(1), [] {});
    cancelled.cancel();
  }
  EXPECT_EQ(log.str(), "soon later");
  copy = later;
  EXPECT_FALSE(soon.cancel() || later.cancel() || cancelled.cancel() || copy.is_waiting());
}

TEST(HandleLifetimeTest, CancelsNothingOfTheThreadsNextLoop) {
  Log log;
  Handle old;
  {
    EventLoop loop({.clock = Clock::kVirtual});
    old = loop.call_soon([] {});
  }
  EventLoop loop({.clock = Clock::kVirtual});
  loop.call_soon(log.note("new"));
  EXPECT_FALSE(old.cancel());
  EXPECT_EQ(loop.run(), absl::OkStatus());
  EXPECT_EQ(log.str(), "new");
}

using CallbackTest = LoopTest;

TEST_F(CallbackTest, MayBeMoveOnly) {
  call_in_every_way(loop, [&] { return [this, number = std::make_unique<int>(7)] { log.add(*number); }; });
  run();
  EXPECT_EQ(log.str(), "7 7 7 7");
}

TEST_F(CallbackTest, MayBeMutable) {
  call_in_every_way(loop, [&] { return [this, count = 0]() mutable { log.add(++count); }; });
  run();
  EXPECT_EQ(log.str(), "1 1 1 1");
}

TEST_F(CallbackTest, MayBeCallableOnlyOnce) {
  struct Once {
    void operator()() && { log.add("once"); }
    Log& log;
  };
  call_in_every_way(loop, [&] { return Once{log}; });
  run();
  EXPECT_EQ(log.str(), "once once once once");
}

int free_function_calls = 0;
void free_function() { ++free_function_calls; }

TEST_F(CallbackTest, MayBeAFunction) {
  free_function_calls = 0;
  loop.call_soon(free_function);
  loop.call_later(absl::Seconds(1), &free_function);
  loop.queue_microtask(free_function);
  loop.post(free_function);
  run();
  EXPECT_EQ(free_function_calls, 4);
}

TEST_F(CallbackTest, MayBeALvalueWhichIsCopied) {
  std::function<void()> f = log.note("a");
  loop.call_soon(f);
  loop.queue_microtask(f);
  loop.call_later(absl::Seconds(1), std::as_const(f));
  loop.post(f);
  f = nullptr;
  run();
  EXPECT_EQ(log.str(), "a a a a");
}

TEST_F(CallbackTest, MayReturnAnything) {
  call_in_every_way(loop, [&] {
    return [this]() -> absl::Status {
      log.add("a");
      return absl::InternalError("ignored");
    };
  });
  run();
  EXPECT_EQ(log.str(), "a a a a");
}

TEST_F(CallbackTest, MayBeBig) {
  std::array<char, 5000> big;
  big.fill('x');
  call_in_every_way(
      loop, [&] { return [this, big] { log.add(static_cast<int>(std::count(big.begin(), big.end(), 'x'))); }; });
  run();
  EXPECT_EQ(log.str(), "5000 5000 5000 5000");
}

template <std::size_t kAlign>
struct alignas(kAlign) Aligned {
  bool is_aligned() const { return reinterpret_cast<std::uintptr_t>(this) % kAlign == 0; }
};

TEST_F(CallbackTest, MayHoldWhatIsStrictlyAligned) {
  call_in_every_way(loop, [&] {
    return [this, a = Aligned<16>(), b = Aligned<32>(), c = Aligned<64>()] {
      log.add(a.is_aligned() && b.is_aligned() && c.is_aligned());
    };
  });
  run();
  EXPECT_EQ(log.str(), "1 1 1 1");
}

TEST_F(CallbackTest, IsDestroyedRightAfterItRan) {
  call_in_every_way(loop, [&] {
    return [this, alive = log.at_end("destroyed")] {
      log.add("ran");
      loop.queue_microtask(log.note("micro"));
    };
  });
  run();
  EXPECT_EQ(log.str(),
            "ran destroyed micro "
            "ran destroyed micro "
            "ran destroyed micro "
            "ran destroyed micro");
}

TEST_F(CallbackTest, MayMakeMoreInItsDestructor) {
  call_in_every_way(loop, [&] {
    return at_end([&] {
      loop.queue_microtask(log.note("micro"));
      loop.call_soon(log.note("soon"));
    });
  });
  run();
  EXPECT_EQ(log.str(), "micro micro micro soon soon soon micro soon");
}

TEST_F(CallbackTest, MayEndByDestroyingAHandleToItself) {
  std::optional<Handle> handle;
  handle = loop.call_soon([&, alive = log.at_end("destroyed")] {
    handle.reset();
    log.add("ran");
  });
  run();
  EXPECT_EQ(log.str(), "ran destroyed");
}

}  // namespace
}  // namespace vow
