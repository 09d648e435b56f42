// Loops and promises at the ends of threads and of the program, and in several threads. RELIABILITY 32.

#include <cstdlib>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "promise/create_task.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"

namespace vow {
namespace {

constexpr LoopOptions kVirtual{.clock = Clock::kVirtual};

Promise<int> square(int x) {
  return sleep(absl::Seconds(1)).then([x] { return x * x; });
}

using StaticDestructionTest = testing::Test;

TEST_F(StaticDestructionTest, AStaticPromiseOutlivesItsLoop) {
  EXPECT_EXIT(
      {
        static std::optional<Promise<int>> kept;
        EventLoop loop(kVirtual);
        kept = square(3);
        loop.close();
        std::exit(kept->is_rejected() ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(StaticDestructionTest, AStaticLoopEndsWithThingsPending) {
  EXPECT_EXIT(
      {
        static EventLoop loop(kVirtual);
        static Promise<int> kept = square(3);
        static Deferred<int> producer;
        create_task([] { return square(4); });
        std::exit(kept.is_pending() ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(StaticDestructionTest, AStaticLoopEndsBeforeAStaticPromise) {
  EXPECT_EXIT(
      {
        static std::optional<Promise<int>> kept;
        static EventLoop loop(kVirtual);
        kept = square(3).then([](int x) { return x + 1; });
        std::exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(StaticDestructionTest, AThreadsLoopEndsWithTheThread) {
  bool is_destroyed = false;
  std::thread([&] {
    thread_local std::optional<EventLoop> loop;
    loop.emplace(kVirtual);
    std::shared_ptr<bool> capture(&is_destroyed, [](bool* destroyed) { *destroyed = true; });
    square(3).then([capture](int) { FAIL(); });
  }).join();
  EXPECT_TRUE(is_destroyed);
}

TEST_F(StaticDestructionTest, AThreadsPromiseOutlivesItsLoop) {
  std::thread([] {
    thread_local std::optional<Promise<int>> kept;
    EventLoop loop(kVirtual);
    kept = square(3);
  }).join();
}

TEST_F(StaticDestructionTest, LoopsInSeveralThreadsDoNotMeet) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int round = 0; round < 100; ++round) {
        const auto squares = run([] { return when_all({square(2), square(3)}); }, kVirtual);
        EXPECT_EQ(squares.value(), (std::vector<int>{4, 9}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// There is no moving: a loop belongs to the thread that made it, and a run from elsewhere is a mistake.
TEST_F(StaticDestructionTest, ALoopCannotBeRunByAnotherThread) {
  EXPECT_DEATH(
      {
        EventLoop loop(kVirtual);
        std::thread([&] { loop.run().IgnoreError(); }).join();
      },
      "thread");
}

}  // namespace
}  // namespace vow
