// Coroutines by the million: awaits in a loop, in recursion, suspended and dropped. On a stack of 64 KiB, and counted.

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/config.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "promise/yield.h"
#include "test/reliability/memory.h"
#include "test/reliability/scale.h"

namespace vow {
namespace {

const int kMany = most_links() / 10;  // A million, if nothing slow is at work.
constexpr std::int64_t kMiB = 1024 * 1024;

const LoopOptions kVirtual = {.clock = Clock::kVirtual};

class CoroutinesTest : public testing::TestWithParam<Stack> {
 protected:
  // With a loop, on the stack that this test is for.
  static void run_on_stack(const std::function<void(EventLoop&)>& scenario) {
    const auto with_loop = [&scenario] {
      EventLoop loop(kVirtual);
      scenario(loop);
    };
    if (GetParam() == Stack::kSmall) {
      run_on_small_stack(with_loop);
    } else {
      with_loop();
    }
  }
};

INSTANTIATE_TEST_SUITE_P(, CoroutinesTest, testing::Values(Stack::kMain, Stack::kSmall),
                         [](const auto& test) { return test.param == Stack::kMain ? "MainStack" : "SmallStack"; });

// Counts the objects that live.
class Local {
 public:
  Local() { ++live; }
  Local(const Local&) = delete;
  Local& operator=(const Local&) = delete;
  ~Local() { --live; }

  static inline int live = 0;
};

Promise<int> await_settled(int times) {
  int sum = 0;
  const Promise<int> one = resolve(1);
  for (int i = 0; i < times; ++i) sum += co_await one;
  co_return sum;
}

Promise<> await_turns(int times) {
  for (int i = 0; i < times; ++i) co_await yield();
}

TEST_P(CoroutinesTest, AMillionAwaitsInALoop) {
  run_on_stack([](EventLoop& loop) {
    EXPECT_EQ(run_until_complete(loop, await_settled(kMany)).value(), kMany);
    EXPECT_EQ(run_until_complete(loop, await_turns(kMany)), absl::OkStatus());
  });
}

Promise<int> count_at_once(int n) {
  const Local local;
  if (n == 0) co_return 0;
  co_return 1 + co_await count_at_once(n - 1);
}

TEST_P(CoroutinesTest, AMillionThatAwaitEachOther) {
  run_on_stack([](EventLoop& loop) {
    EXPECT_EQ(run_until_complete(loop, count_at_once(kMany)).value(), kMany);
    EXPECT_EQ(Local::live, 0);
  });
}

Promise<int> count_later(int n) {
  co_await yield();
  if (n == 0) co_return 0;
  co_return 1 + co_await count_later(n - 1);
}

TEST_P(CoroutinesTest, AMillionThatBeginLater) {
  run_on_stack([](EventLoop& loop) { EXPECT_EQ(run_until_complete(loop, count_later(kMany)).value(), kMany); });
}

Promise<int> fail_at_the_bottom(int n) {
  const Local local;
  if (n == 0) {
    co_await absl::NotFoundError("bottom");
    co_return 0;
  }
  co_return co_await fail_at_the_bottom(n - 1);
}

TEST_P(CoroutinesTest, AnErrorPassesThroughAMillion) {
  run_on_stack([](EventLoop& loop) {
    EXPECT_EQ(run_until_complete(loop, fail_at_the_bottom(kMany)).status(), absl::NotFoundError("bottom"));
    EXPECT_EQ(Local::live, 0);
  });
}

Promise<> wait_at_the_bottom(int n) {
  const Local local;
  if (n == 0) {
    co_await sleep(absl::Hours(1));
    co_return;
  }
  co_await wait_at_the_bottom(n - 1);
}

TEST_P(CoroutinesTest, ACancelPassesThroughAMillion) {
  run_on_stack([](EventLoop& loop) {
    const absl::Time start = loop.now();
    Promise<> promise = wait_at_the_bottom(kMany);
    sleep(absl::Seconds(1)).then([&promise] { promise.cancel(); });
    EXPECT_EQ(run_until_complete(loop, promise).code(), absl::StatusCode::kCancelled);
    EXPECT_EQ(Local::live, 0);
    EXPECT_EQ(loop.now() - start, absl::Seconds(1));
  });
}

TEST_P(CoroutinesTest, TheLoopClosesOnAMillionThatAwaitEachOther) {
  run_on_stack([](EventLoop& loop) {
    const Promise<> promise = wait_at_the_bottom(kMany);
    run_until_complete(loop, sleep(absl::Seconds(1))).IgnoreError();
    loop.close();
    EXPECT_EQ(promise.status().code(), absl::StatusCode::kAborted);
    EXPECT_EQ(Local::live, 0);
  });
}

Promise<> wait_alone() {
  const Local local;
  co_await sleep(absl::Seconds(1));
}

TEST_P(CoroutinesTest, TheLoopClosesOnAMillionThatWaitAlone) {
  run_on_stack([](EventLoop& loop) {
    for (int i = 0; i < kMany; ++i) wait_alone();
    EXPECT_EQ(loop.poll(), absl::OkStatus());  // On a stack that is low they begin in microtasks.
    EXPECT_EQ(Local::live, kMany);
    loop.close();
    EXPECT_EQ(Local::live, 0);
  });
}

TEST_P(CoroutinesTest, AMillionAreGathered) {
  run_on_stack([](EventLoop& loop) {
    const absl::Time start = loop.now();
    std::vector<Promise<>> all;
    for (int i = 0; i < kMany; ++i) all.push_back(wait_alone());
    EXPECT_EQ(run_until_complete(loop, when_all(std::move(all))), absl::OkStatus());
    EXPECT_EQ(Local::live, 0);
    EXPECT_EQ(loop.now() - start, absl::Seconds(1));
  });
}

int rounds_left = 0;

Promise<int> next_round() {
  co_await resolve();
  if (--rounds_left == 0) co_return 5;
  co_return next_round();
}

TEST_P(CoroutinesTest, OneThatReturnsTheNextOneTakesConstantMemory) {
  run_on_stack([](EventLoop& loop) {
    rounds_left = 100;
    EXPECT_EQ(run_until_complete(loop, next_round()).value(), 5);
    const std::int64_t before = bytes_in_use();
    forget_most_bytes_in_use();
    rounds_left = most_links();
    EXPECT_EQ(run_until_complete(loop, next_round()).value(), 5);
    EXPECT_LT(most_bytes_in_use() - before, kMiB);
  });
}

// ---- What a call and an await take ----

// Larger than what the pool has blocks for, so that the frame is an allocation that can be counted.
struct Large {
  char bytes[loop_internal::kLargestBlock];
};

Promise<> call_with_large_frame(Promise<>& first, Promise<>& second) {
  Large large = {};
  co_await first;
  co_await second;
  static_cast<void>(large);
}

TEST(CoroutineMemoryTest, ACallIsOneAllocationAndAnAwaitNone) {
  if (!memory_is_counted()) GTEST_SKIP();
  EventLoop loop(kVirtual);
  Deferred<> one, other;
  Promise<> first = one.promise(), second = other.promise();
  for (const bool is_warm : {false, true}) {
    const std::int64_t before = allocations();
    std::optional<Promise<>> promise = call_with_large_frame(first, second);
    const std::int64_t after_call = allocations();
    one.resolve();
    loop.poll().IgnoreError();
    other.resolve();
    loop.poll().IgnoreError();
    EXPECT_TRUE(promise->is_fulfilled());
    if (!is_warm) continue;
    EXPECT_EQ(after_call - before, 1);
    EXPECT_EQ(allocations() - after_call, 0);
  }
}

// An await keeps in the frame what it needs of its operand: one pointer. (The compiler may add its own: g++ keeps the
// temporary promise, and the place of the call.)
static_assert(sizeof(promise_internal::PromiseAwaiter<int, int&&>) == sizeof(void*));
static_assert(sizeof(promise_internal::PromiseAwaiter<void, void>) == sizeof(void*));

// What lies before the frame; as much as any promise that may follow another takes, whatever it is of, up to a pointer.
static_assert(sizeof(promise_internal::CoroutineState<void*>) <=
              64 + (sizeof(SourceLocation) > sizeof(void*) ? 16 : 0));

}  // namespace
}  // namespace vow
