// A fixture with a loop and a log. Time is virtual: to wait for a timer takes no time.
//
//   using SleepTest = LoopTest;
//
//   TEST_F(SleepTest, WakesInTime) {
//     sleep(absl::Hours(1)).then(log.note("awake"));
//     run();
//     EXPECT_EQ(log.str(), "awake");
//   }

#ifndef VOW_TEST_SUPPORT_LOOP_TEST_H_
#define VOW_TEST_SUPPORT_LOOP_TEST_H_

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "test/support/log.h"

namespace vow {

class LoopTest : public testing::Test {
 protected:
  // Until nothing is left to run.
  void run() { EXPECT_EQ(loop.run(), absl::OkStatus()); }

  // One turn, which lets no time pass.
  void poll() { EXPECT_EQ(loop.poll(), absl::OkStatus()); }

  Log log;  // Before the loop, for what the loop still holds at the end may write to it.
  EventLoop loop{LoopOptions{.clock = Clock::kVirtual}};
};

}  // namespace vow

#endif  // VOW_TEST_SUPPORT_LOOP_TEST_H_
