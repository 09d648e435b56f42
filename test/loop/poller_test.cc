// The two pollers, as seen through a loop: what its clock shows, and when it wakes.

#include <chrono>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "test/support/log.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

void pass_real_time() {
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - start < std::chrono::microseconds(10)) continue;
}

using NowTest = LoopTest;

TEST_F(NowTest, StandsStillInVirtualTimeWhileAnythingRuns) {
  const absl::Time start = loop.now();
  pass_real_time();
  for (int i = 0; i < 10; ++i) loop.call_soon(pass_real_time);
  run();
  EXPECT_EQ(loop.now(), start);
}

TEST_F(NowTest, JumpsToEachDeadlineInVirtualTime) {
  const absl::Time start = loop.now();
  for (absl::Duration delay : {absl::Nanoseconds(1), absl::Seconds(5), absl::Hours(24 * 365 * 100)}) {
    loop.call_later(delay, [&, delay] { EXPECT_EQ(loop.now(), start + delay); });
  }
  run();
  EXPECT_EQ(loop.now(), start + absl::Hours(24 * 365 * 100));
}

class SystemClockTest : public testing::Test {
 protected:
  void run() { EXPECT_EQ(loop.run(), absl::OkStatus()); }
  Log log;
  EventLoop loop;
};

// asyncio 18
TEST_F(SystemClockTest, NeverGoesBack) {
  absl::Time latest = loop.now();
  const auto look = [&] {
    const absl::Time now = loop.now();
    EXPECT_GE(now, latest);
    latest = now;
  };
  for (int i = 0; i < 1000; ++i) look();
  for (int i = 0; i < 1000; ++i) {
    loop.call_soon([&] {
      look();
      loop.queue_microtask(look);
    });
    loop.call_later(absl::Nanoseconds(i), look);
    loop.post(look);
  }
  run();
  look();
}

TEST_F(SystemClockTest, GoesOnOutsideOfARun) {
  const absl::Time start = loop.now();
  pass_real_time();
  EXPECT_GT(loop.now(), start);
}

TEST_F(SystemClockTest, StandsStillDuringAMacrotaskAndItsMicrotasks) {
  const auto expect_still = [&] {
    const absl::Time start = loop.now();
    pass_real_time();
    EXPECT_EQ(loop.now(), start);
    loop.queue_microtask([this, start] {
      pass_real_time();
      loop.queue_microtask([this, start] { EXPECT_EQ(loop.now(), start); });
    });
  };
  loop.call_soon(expect_still);
  loop.post(expect_still);
  loop.call_later(absl::ZeroDuration(), expect_still);
  run();
}

TEST_F(SystemClockTest, GoesOnFromOneMacrotaskToTheNext) {
  absl::Time latest = loop.now();
  const auto expect_later = [&] {
    EXPECT_GT(loop.now(), latest);
    latest = loop.now();
    pass_real_time();
  };
  pass_real_time();
  for (int i = 0; i < 2; ++i) {
    loop.call_later(absl::ZeroDuration(), expect_later);
    loop.post(expect_later);
    loop.call_soon(expect_later);
  }
  run();
}

TEST_F(SystemClockTest, MakesEqualDelaysOfOneCallbackDueTogether) {
  loop.call_soon([&] {
    loop.call_later(absl::Nanoseconds(2), log.note("second"));
    pass_real_time();
    loop.call_later(absl::Nanoseconds(1), log.note("first"));
    pass_real_time();
    loop.call_later(absl::Nanoseconds(2), log.note("third"));
  });
  run();
  EXPECT_EQ(log.str(), "first second third");
}

// asyncio 9
TEST_F(SystemClockTest, IsNeverEarly) {
  for (absl::Duration delay :
       {absl::Nanoseconds(1) / 4, absl::Nanoseconds(1), absl::Nanoseconds(999), absl::Microseconds(1),
        absl::Nanoseconds(50'001), absl::Microseconds(999), absl::Nanoseconds(1'000'001)}) {
    const absl::Time start = loop.now();
    loop.call_later(delay, [&] { EXPECT_GE(loop.now() - start, delay); });
    loop.call_at(start + delay, [&] { EXPECT_GE(loop.now() - start, delay); });
    run();
    EXPECT_GE(loop.now() - start, delay);
  }
}

TEST_F(SystemClockTest, ShowsTheWallClocksTime) {
  const absl::Time wall = absl::FromChrono(std::chrono::system_clock::now());
  EXPECT_LT(absl::AbsDuration(loop.now() - wall), absl::Hours(1));
}

}  // namespace
}  // namespace vow
