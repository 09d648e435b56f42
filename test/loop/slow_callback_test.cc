// LoopOptions::slow_callback: which callbacks are reported.

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "test/support/descriptors.h"

namespace vow {
namespace {

void take(std::chrono::microseconds time) {
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - start < time) continue;
}

// Far apart, for a busy machine may keep any callback waiting for a while.
class SlowCallbackTest : public testing::Test {
 protected:
  // What is reported when the loop runs.
  std::string run() {
    testing::internal::CaptureStderr();
    EXPECT_EQ(loop.run(), absl::OkStatus());
    return testing::internal::GetCapturedStderr();
  }
  static std::string place(int line) { return "slow_callback_test.cc:" + std::to_string(line) + "\n"; }
  static auto slow() {
    return [] { take(std::chrono::milliseconds(510)); };
  }

  EventLoop loop{LoopOptions{.clock = Clock::kVirtual, .slow_callback = absl::Milliseconds(500)}};
};

// asyncio 19
TEST_F(SlowCallbackTest, IsReportedWithItsTimeAndPlace) {
  loop.call_soon(slow());
  const std::string report = run();
  EXPECT_EQ(report.find("vow: a callback took "), 0u) << report;
  EXPECT_NE(report.find(place(__LINE__ - 3)), std::string::npos) << report;
}

TEST_F(SlowCallbackTest, IsReportedOfATimer) {
  loop.call_later(absl::Seconds(1), slow());
  EXPECT_NE(run().find(place(__LINE__ - 1)), std::string::npos);
}

TEST_F(SlowCallbackTest, IsReportedOfAReader) {
  SocketPair pair;
  auto read = [&] {
    slow()();
    loop.remove_reader(pair.a);
  };
  EXPECT_EQ(loop.add_reader(pair.a, read), absl::OkStatus());
  pair.write("x");
  EXPECT_NE(run().find(place(__LINE__ - 2)), std::string::npos);
}

TEST_F(SlowCallbackTest, IsNotReportedOfQuickOnes) {
  for (int i = 0; i < 100; ++i) loop.call_soon([] {});
  loop.call_later(absl::Seconds(1), [] {});
  EXPECT_EQ(run(), "");
}

TEST_F(SlowCallbackTest, EachIsMeasuredByItself) {
  loop.call_soon([&] {
    take(std::chrono::milliseconds(200));
    loop.queue_microtask([] { take(std::chrono::milliseconds(200)); });
    loop.queue_microtask([] { take(std::chrono::milliseconds(200)); });
  });
  EXPECT_EQ(run(), "");
}

TEST(SlowCallbackOptionTest, NothingIsReportedByDefault) {
  EventLoop loop(LoopOptions{.clock = Clock::kVirtual});
  loop.call_soon([] { take(std::chrono::milliseconds(510)); });
  testing::internal::CaptureStderr();
  EXPECT_EQ(loop.run(), absl::OkStatus());
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace vow
