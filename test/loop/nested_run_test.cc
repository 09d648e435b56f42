// A callback that runs the loop it runs on: asyncio with nest_asyncio.

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "test/support/log.h"

namespace vow {
namespace {

class NestedRunTest : public testing::Test {
 protected:
  void run() { EXPECT_EQ(loop.run(), absl::OkStatus()); }
  void run_forever() { EXPECT_EQ(loop.run_forever(), absl::OkStatus()); }

  Log log;
  EventLoop loop{LoopOptions{.clock = Clock::kVirtual, .allow_nested_runs = true}};
};

TEST_F(NestedRunTest, RunsWhatIsLeftOfTheTurn) {
  loop.call_soon([&] {
    run();
    log.add("outer");
  });
  loop.call_soon(log.note("second"));
  run();
  EXPECT_EQ(log.str(), "second outer");
}

TEST_F(NestedRunTest, RunsTimersAndMicrotasksAndWhatIsQueuedMeanwhile) {
  loop.call_later(absl::Seconds(1), log.note("timer"));
  loop.queue_microtask([&] {
    loop.queue_microtask(log.note("microtask"));
    loop.call_soon([&] {
      log.add("soon");
      loop.call_soon(log.note("sooner"));
    });
    run();
    log.add("outer");
  });
  run();
  EXPECT_EQ(log.str(), "microtask soon sooner timer outer");
}

TEST_F(NestedRunTest, RunsInATimerGoOnWithTheTimersThatAreDue) {
  for (int i = 1; i <= 3; ++i) {
    loop.call_later(absl::Seconds(1), [&, i] {
      log.add(i);
      if (i == 1) run();
      log.add(-i);
    });
  }
  run();
  EXPECT_EQ(log.str(), "1 2 -2 3 -3 -1");
}

TEST_F(NestedRunTest, StopEndsTheInnermost) {
  loop.call_soon([&] {
    loop.call_soon([&] { loop.stop(); });
    run_forever();
    log.add("inner ended");
    loop.call_soon([&] {
      log.add("outer goes on");
      loop.stop();
    });
  });
  run_forever();
  EXPECT_EQ(log.str(), "inner ended outer goes on");
}

TEST_F(NestedRunTest, RunsEndLastInFirstOut) {
  loop.call_soon([&] {
    EXPECT_EQ(loop.run_depth(), 1);
    loop.call_soon([&] {
      EXPECT_EQ(loop.run_depth(), 2);
      loop.stop_run(1);
      loop.call_later(absl::Seconds(1), [&] {
        log.add("inner");
        loop.stop();
      });
    });
    run_forever();
    log.add("outer");
  });
  loop.call_later(absl::Seconds(2), log.note("never"));
  run_forever();
  EXPECT_EQ(log.str(), "inner outer");
}

TEST_F(NestedRunTest, PollMayBeNested) {
  loop.call_soon([&] {
    loop.call_soon(log.note("soon"));
    EXPECT_EQ(loop.poll(), absl::OkStatus());
    log.add("outer");
  });
  run();
  EXPECT_EQ(log.str(), "soon outer");
}

TEST_F(NestedRunTest, GoesADozenDeep) {
  int depth = 0;
  std::function<void()> deeper = [&] {
    if (++depth == 12) return;
    loop.call_soon(deeper);
    run();
    log.add(loop.run_depth());
  };
  loop.call_soon(deeper);
  run();
  EXPECT_EQ(log.str(), "11 10 9 8 7 6 5 4 3 2 1");
}

// asyncio 25
TEST(RunTest, IsRefusedInsideOfItselfByDefault) {
  EventLoop loop(LoopOptions{.clock = Clock::kVirtual});
  absl::Status inner;
  bool outer_went_on = false;
  loop.call_soon([&] { inner = loop.run(); });
  loop.call_soon([&] { outer_went_on = true; });
  EXPECT_EQ(loop.run(), absl::OkStatus());
  EXPECT_EQ(inner.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(outer_went_on);
}

}  // namespace
}  // namespace vow
