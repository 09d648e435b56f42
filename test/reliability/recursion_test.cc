// Asynchronous recursion, the loop of those who have no co_await: a callback returns the promise of the next round. The
// rounds that only wait for the next one must go, whatever their number, on a stack of 64 KiB.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "promise/promise.h"
#include "promise/retry.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "test/reliability/memory.h"
#include "test/reliability/scale.h"

namespace vow {
namespace {

constexpr std::int64_t kMiB = 1024 * 1024;

// Runs the scenario on a small stack, with a loop that is warm. Less than `most` bytes more may be in use at any time.
void run_in(std::int64_t most, const std::function<void(EventLoop&)>& scenario) {
  run_on_small_stack([&] {
    EventLoop loop({.clock = Clock::kVirtual});
    run_until_complete(loop, sleep(absl::Seconds(1)).then([] {})).IgnoreError();
    const std::int64_t before = bytes_in_use();
    forget_most_bytes_in_use();
    scenario(loop);
    EXPECT_LT(most_bytes_in_use() - before, most);
  });
}

int rounds_left = 0;

Promise<> count_down() {
  if (--rounds_left == 0) return resolve();
  return resolve().then(count_down);
}

// KJ 3
TEST(RecursionTest, OfAFunctionTakesConstantMemory) {
  run_in(kMiB, [](EventLoop& loop) {
    rounds_left = most_links();
    EXPECT_EQ(run_until_complete(loop, count_down()), absl::OkStatus());
    EXPECT_EQ(rounds_left, 0);
  });
}

Promise<std::int64_t> add_up(int n, std::int64_t sum) {
  if (n == 0) return sum;
  return resolve(sum).then([n](std::int64_t so_far) { return add_up(n - 1, so_far + 1); });
}

// folly 79
TEST(RecursionTest, OfACallbackThatCapturesANumberTakesConstantMemory) {
  run_in(kMiB, [](EventLoop& loop) {
    const int rounds = most_links() / 10;
    EXPECT_EQ(run_until_complete(loop, add_up(rounds, 0)).value(), rounds);
  });
}

Promise<> tick(int n) {
  if (n == 0) return resolve();
  return sleep(absl::Milliseconds(1)).then([n] { return tick(n - 1); });
}

TEST(RecursionTest, ThatWaitsForATimerInEachRoundTakesConstantMemoryAndItsTime) {
  run_in(kMiB, [](EventLoop& loop) {
    const int rounds = most_links() / 20;
    const absl::Time start = loop.now();
    EXPECT_EQ(run_until_complete(loop, tick(rounds)), absl::OkStatus());
    EXPECT_EQ(loop.now() - start, rounds * absl::Milliseconds(1));
  });
}

Promise<> fail_late(int n) {
  if (n == 0) return absl::NotFoundError("the end");
  return resolve().then([n] { return fail_late(n - 1); });
}

TEST(RecursionTest, PassesARejectionUp) {
  run_in(kMiB, [](EventLoop& loop) {
    EXPECT_EQ(run_until_complete(loop, fail_late(most_links() / 10)), absl::NotFoundError("the end"));
  });
}

Promise<> try_again(int n) {
  return reject(absl::UnavailableError("again")).catch_([n] { return n == 0 ? resolve() : try_again(n - 1); });
}

TEST(RecursionTest, FromCatchTakesConstantMemory) {
  run_in(kMiB,
         [](EventLoop& loop) { EXPECT_EQ(run_until_complete(loop, try_again(most_links() / 10)), absl::OkStatus()); });
}

Promise<> through_deferred(int n) {
  if (n == 0) return resolve();
  Deferred<> deferred;
  deferred.resolve(resolve().then([n] { return through_deferred(n - 1); }));
  return deferred.promise();
}

TEST(RecursionTest, ThroughADeferredTakesConstantMemory) {
  run_in(kMiB, [](EventLoop& loop) {
    EXPECT_EQ(run_until_complete(loop, through_deferred(most_links() / 10)), absl::OkStatus());
  });
}

TEST(RecursionTest, InRetryTakesConstantMemory) {
  run_in(kMiB, [](EventLoop& loop) {
    int left = most_links() / 50;
    Promise<> promise = retry({.attempts = RetryPolicy::kForever, .first_delay = absl::ZeroDuration()},
                              [&left] { return --left == 0 ? absl::OkStatus() : absl::UnavailableError("again"); });
    EXPECT_EQ(run_until_complete(loop, std::move(promise)), absl::OkStatus());
  });
}

TEST(RecursionTest, EndsWhenItIsCancelled) {
  run_in(kMiB, [](EventLoop& loop) {
    Promise<> promise = tick(most_links());
    sleep(absl::Milliseconds(most_links() / 50)).then([&promise] { promise.cancel("enough"); });
    EXPECT_EQ(run_until_complete(loop, promise), absl::CancelledError("enough"));
    EXPECT_TRUE(loop.is_stalled());
  });
}

// What somebody can see has to stay, and each of these promises has a handle.
Promise<> visible(int n, std::vector<Promise<>>& handles) {
  Promise<> promise = resolve().then([n, &handles] { return n == 0 ? resolve() : visible(n - 1, handles); });
  handles.push_back(promise);
  return promise;
}

// KJ 4
TEST(RecursionTest, SettlesEveryPromiseThatIsVisible) {
  const int rounds = most_links() / 50;
  run_in(rounds * std::int64_t{512}, [rounds](EventLoop& loop) {
    std::vector<Promise<>> handles;
    EXPECT_EQ(run_until_complete(loop, visible(rounds, handles)), absl::OkStatus());
    EXPECT_EQ(handles.size(), static_cast<std::size_t>(rounds) + 1);
    for (const Promise<>& handle : handles) ASSERT_TRUE(handle.is_fulfilled());
  });
}

// A callback that returned a promise keeps what it owns until that has settled: so such a recursion grows.
Promise<> owning(int n, int& live) {
  struct Owned {
    explicit Owned(int& count) : live(&count) { ++*live; }
    Owned(Owned&& other) noexcept : live(std::exchange(other.live, nullptr)) {}
    Owned& operator=(Owned&&) = delete;
    ~Owned() {
      if (live != nullptr) --*live;
    }
    int* live;
  };
  if (n == 0) return resolve();
  return resolve().then([n, &live, owned = Owned(live)] { return owning(n - 1, live); });
}

TEST(RecursionTest, KeepsWhatItsCallbacksOwnUntilTheEnd) {
  const int rounds = most_links() / 100;
  run_in(rounds * std::int64_t{512}, [rounds](EventLoop& loop) {
    int live = 0;
    int live_at_end = -1;
    Promise<> end = owning(rounds, live).then([&] { live_at_end = live; });
    sleep(absl::ZeroDuration()).then([&] {});
    EXPECT_EQ(run_until_complete(loop, std::move(end)), absl::OkStatus());
    EXPECT_EQ(live_at_end, 0);
  });
}

// A list of values each of which holds the promise of the next one.
struct Node {
  std::shared_ptr<void> next;
};

TEST(ValueTest, ThatHoldsAPromiseOfTheNextIsDestroyedWithoutRecursion) {
  const int nodes = most_links() / 10;
  run_in(nodes * std::int64_t{512}, [nodes](EventLoop& loop) {
    Promise<Node> list = resolve(Node{});
    for (int i = 0; i < nodes; ++i) list = resolve(Node{std::make_shared<Promise<Node>>(std::move(list))});
    EXPECT_TRUE(list.is_fulfilled());
    EXPECT_EQ(loop.poll(), absl::OkStatus());
  });
}

}  // namespace
}  // namespace vow
