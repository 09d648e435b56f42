// Chains of ten million links, and what else comes by the million: each must be built, run and destroyed on a stack of
// 64 KiB, destroy every capture once, and give all of its memory back.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "test/reliability/memory.h"
#include "test/reliability/scale.h"

namespace vow {
namespace {

// Callbacks capture a token each; this knows which tokens were destroyed, and how often.
class Tokens {
 public:
  class Token {
   public:
    explicit Token(unsigned char& times_destroyed) : times_destroyed_(&times_destroyed) {}
    Token(Token&& other) noexcept : times_destroyed_(std::exchange(other.times_destroyed_, nullptr)) {}
    Token& operator=(Token&&) = delete;
    ~Token() {
      if (times_destroyed_ != nullptr) ++*times_destroyed_;
    }

   private:
    unsigned char* times_destroyed_;
  };

  explicit Tokens(int most) : times_destroyed_(most) {}

  Token make() { return Token(times_destroyed_.at(made_++)); }

  std::int64_t made() const { return made_; }
  std::int64_t destroyed_once() const { return std::count(times_destroyed_.begin(), times_destroyed_.end(), 1); }
  std::int64_t alive() const { return std::count(times_destroyed_.begin(), times_destroyed_.begin() + made_, 0); }

 private:
  std::vector<unsigned char> times_destroyed_;
  int made_ = 0;
};

// What a thread's pool of blocks may keep: 4 MiB of empty slabs, and one slab for each size that was in use. That is
// less than 1 % of what ten million links take.
constexpr std::int64_t kMostKept = 4 * 1024 * 1024 + 16 * 64 * 1024;

class ChainsTest : public testing::TestWithParam<Stack> {
 protected:
  static void SetUpTestSuite() { EventLoop first; }  // What is allocated once and for all, is allocated now.

  // A tenth on the main thread's stack, where that is as good: no frame is smaller than 16 bytes, so that a million of
  // them overflow its 8 MiB.
  int links() const { return GetParam() == Stack::kMain ? most_links() / 10 : most_links(); }

  // What is no chain, but a million of something.
  int many() const { return links() / 10; }

  // Promises that follow one another: a link of that is some ten ordinary ones.
  int nested() const { return links() / 100; }

  // Runs the scenario with an event loop on the stack in question. Checks the captures and the memory afterwards.
  void run(const std::function<void(EventLoop&, Tokens&)>& scenario) {
    const std::int64_t before = bytes_in_use();
    forget_most_bytes_in_use();
    const auto run_here = [&] {
      Tokens tokens(links());
      {
        EventLoop loop({.clock = Clock::kVirtual});
        scenario(loop, tokens);
      }
      EXPECT_GT(tokens.made(), 0);
      EXPECT_EQ(tokens.destroyed_once(), tokens.made());
    };
    if (GetParam() == Stack::kMain) {
      run_here();
      EXPECT_LE(bytes_in_use() - before, kMostKept);
    } else {
      run_on_small_stack(run_here);
      EXPECT_EQ(bytes_in_use(), before);
    }
    if (memory_is_counted()) {
      EXPECT_GT(most_bytes_in_use() - before, links()) << "the replaced operator new is not in use";
    }
  }
};

INSTANTIATE_TEST_SUITE_P(OnStack, ChainsTest, testing::Values(Stack::kMain, Stack::kSmall),
                         [](const auto& test) { return test.param == Stack::kMain ? "OfMainThread" : "Of64KiB"; });

Promise<std::int64_t> lengthen(Promise<std::int64_t> promise, int by, Tokens& tokens) {
  for (int i = 0; i < by; ++i) {
    promise = std::move(promise).then([token = tokens.make()](std::int64_t sum) { return sum + 1; });
  }
  return promise;
}

template <class T>
void drop(T&& dropped) {
  [[maybe_unused]] const auto here = std::move(dropped);
}

TEST_P(ChainsTest, AddsUpItsLinks) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> head;
    Promise<std::int64_t> end = lengthen(head.promise(), links(), tokens);
    head.resolve(0);
    EXPECT_EQ(run_until_complete(loop, std::move(end)).value(), links());
  });
}

TEST_P(ChainsTest, PassesARejectionOn) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> head;
    Promise<std::string> end = lengthen(head.promise(), links(), tokens)
                                   .then([](std::int64_t) { return std::string("fulfilled"); })
                                   .catch_([](absl::Status error) { return std::string(error.message()); });
    head.reject(absl::NotFoundError("rejected"));
    EXPECT_EQ(run_until_complete(loop, std::move(end)).value(), "rejected");
  });
}

TEST_P(ChainsTest, BreaksWhenItsDeferredIsDropped) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> head;
    Promise<std::int64_t> end = lengthen(head.promise(), links(), tokens);
    drop(std::move(head));
    EXPECT_EQ(run_until_complete(loop, std::move(end)).status().code(), absl::StatusCode::kAborted);
  });
}

TEST_P(ChainsTest, RunsWhenItsLastPromiseIsDropped) {
  run([&](EventLoop& loop, Tokens& tokens) {
    std::int64_t sum = -1;
    Deferred<std::int64_t> head;
    drop(
        lengthen(head.promise(), links() - 1, tokens).then([&sum, token = tokens.make()](std::int64_t x) { sum = x; }));
    EXPECT_EQ(tokens.alive(), tokens.made());
    head.resolve(0);
    EXPECT_EQ(loop.poll(), absl::OkStatus());
    EXPECT_EQ(sum, links() - 1);
  });
}

TEST_P(ChainsTest, BreaksWhenItsLastPromiseAndThenItsDeferredIsDropped) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> head;
    drop(lengthen(head.promise(), links(), tokens));
    EXPECT_EQ(tokens.alive(), tokens.made());
    drop(std::move(head));
    EXPECT_EQ(loop.poll(), absl::OkStatus());
    EXPECT_EQ(tokens.destroyed_once(), links());
  });
}

TEST_P(ChainsTest, OutlivesAHandleToItsMiddle) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> head;
    Promise<std::int64_t> middle = lengthen(head.promise(), links() / 2, tokens);
    drop(lengthen(middle, links() - links() / 2, tokens));
    drop(std::move(middle));
    EXPECT_EQ(tokens.alive(), tokens.made());
    drop(std::move(head));
    EXPECT_EQ(loop.poll(), absl::OkStatus());
    EXPECT_EQ(tokens.destroyed_once(), links());
  });
}

TEST_P(ChainsTest, BreaksInItsMiddle) {
  run([&](EventLoop& loop, Tokens& tokens) {
    const int half = links() / 2;
    std::int64_t sum = -1;
    Deferred<std::int64_t> head, other;
    Promise<std::int64_t> end = lengthen(lengthen(head.promise(), half, tokens).then([&](std::int64_t x) {
      sum = x;
      return other.promise();
    }),
                                         half, tokens);
    head.resolve(0);
    EXPECT_EQ(loop.poll(), absl::OkStatus());
    EXPECT_EQ(sum, half);
    EXPECT_EQ(tokens.destroyed_once(), half);
    drop(std::move(other));
    EXPECT_EQ(run_until_complete(loop, std::move(end)).status().code(), absl::StatusCode::kAborted);
  });
}

TEST_P(ChainsTest, IsDestroyedByItsDeferredAfterTheLoopWasClosed) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> head;
    Promise<std::int64_t> end = lengthen(head.promise(), links(), tokens);
    loop.close();
    EXPECT_EQ(tokens.alive(), tokens.made());
    drop(std::move(head));
    EXPECT_EQ(end.status().code(), absl::StatusCode::kAborted);
    EXPECT_EQ(tokens.destroyed_once(), links());
  });
}

TEST_P(ChainsTest, IsDestroyedWithATimerWhenTheLoopIsClosed) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Promise<std::int64_t> head = sleep(absl::Hours(1)).then([] { return std::int64_t{0}; });
    Promise<std::int64_t> end = lengthen(std::move(head), many(), tokens);
    loop.close();
    EXPECT_EQ(end.status().code(), absl::StatusCode::kAborted);
    EXPECT_EQ(tokens.destroyed_once(), many());
  });
}

TEST_P(ChainsTest, IsDestroyedInTheQueueWhenTheLoopIsClosed) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Promise<std::int64_t> end = lengthen(resolve(std::int64_t{0}), many(), tokens);
    loop.close();
    EXPECT_EQ(end.status().code(), absl::StatusCode::kAborted);
    EXPECT_EQ(tokens.destroyed_once(), many());
  });
}

TEST_P(ChainsTest, MayConsistOfEveryOperator) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> head;
    Promise<std::int64_t> end = head.promise();
    std::int64_t finally_calls = 0;
    for (int i = 0; i < many() / 4; ++i) {
      end =
          std::move(end)
              .then([token = tokens.make()](std::int64_t x) -> absl::StatusOr<std::int64_t> {
                return absl::OutOfRangeError(std::to_string(x + 1));
              })
              .finally([&finally_calls, token = tokens.make()] { ++finally_calls; })
              .catch_([token = tokens.make()](absl::Status error) { return std::stoll(std::string(error.message())); })
              .settled()
              .then([token = tokens.make()](absl::StatusOr<std::int64_t> x) { return x; });
    }
    head.resolve(0);
    EXPECT_EQ(run_until_complete(loop, std::move(end)).value(), many() / 4);
    EXPECT_EQ(finally_calls, many() / 4);
  });
}

// KJ 2
TEST_P(ChainsTest, MayReturnAPromiseFromEachLink) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Promise<std::int64_t> end = resolve(std::int64_t{0});
    for (int i = 0; i < many(); ++i) {
      end = std::move(end).then([token = tokens.make()](std::int64_t sum) { return resolve(sum + 1); });
    }
    EXPECT_EQ(run_until_complete(loop, std::move(end)).value(), many());
  });
}

// Each promise is settled by a callback of the one before it.
void hand_over(Deferred<std::int64_t>& head, Promise<std::int64_t>& end, int times, Tokens& tokens) {
  end = head.promise();
  for (int i = 0; i < times; ++i) {
    Deferred<std::int64_t> next;
    Promise<std::int64_t> next_end = next.promise();
    std::move(end).then(
        [next = std::move(next), token = tokens.make()](std::int64_t sum) mutable { next.resolve(sum + 1); });
    end = std::move(next_end);
  }
}

TEST_P(ChainsTest, MayConsistOfDeferreds) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> head;
    Promise<std::int64_t> end = resolve(std::int64_t{0});
    hand_over(head, end, many(), tokens);
    head.resolve(0);
    EXPECT_EQ(run_until_complete(loop, std::move(end)).value(), many());
  });
}

TEST_P(ChainsTest, BreaksOneDeferredAfterTheOther) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> head;
    Promise<std::int64_t> end = resolve(std::int64_t{0});
    hand_over(head, end, many(), tokens);
    drop(std::move(head));
    EXPECT_EQ(run_until_complete(loop, std::move(end)).status().code(), absl::StatusCode::kAborted);
  });
}

TEST_P(ChainsTest, BreaksOneDeferredAfterTheOtherOnAClosedLoop) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> head;
    Promise<std::int64_t> end = resolve(std::int64_t{0});
    hand_over(head, end, many(), tokens);
    loop.close();
    drop(std::move(head));
    EXPECT_EQ(end.status().code(), absl::StatusCode::kAborted);
  });
}

// A callback that returns the promise of a callback that returns a promise, and so on, down to the innermost one. When
// it has run, every promise of them follows the next.
Promise<std::int64_t> nest(int depth, Promise<std::int64_t> innermost, Tokens& tokens) {
  if (depth == 0) return innermost;
  return resolve().then([depth, innermost = std::move(innermost), &tokens, token = tokens.make()] {
    return nest(depth - 1, innermost, tokens).then([](std::int64_t sum) { return sum + 1; });
  });
}

// KJ 1
TEST_P(ChainsTest, ResolvesPromisesThatFollowOneAnother) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> innermost;
    Promise<std::int64_t> outermost = nest(nested(), innermost.promise(), tokens);
    EXPECT_EQ(loop.poll(), absl::OkStatus());
    EXPECT_EQ(tokens.alive(), nested());
    innermost.resolve(0);
    EXPECT_EQ(run_until_complete(loop, std::move(outermost)).value(), nested());
  });
}

TEST_P(ChainsTest, BreaksPromisesThatFollowOneAnother) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> innermost;
    Promise<std::int64_t> outermost = nest(nested(), innermost.promise(), tokens);
    EXPECT_EQ(loop.poll(), absl::OkStatus());
    drop(std::move(innermost));
    EXPECT_EQ(run_until_complete(loop, std::move(outermost)).status().code(), absl::StatusCode::kAborted);
  });
}

TEST_P(ChainsTest, DestroysPromisesThatFollowOneAnotherAfterTheLoopWasClosed) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> innermost;
    Promise<std::int64_t> outermost = nest(nested(), innermost.promise(), tokens);
    EXPECT_EQ(loop.poll(), absl::OkStatus());
    loop.close();
    drop(std::move(innermost));
    EXPECT_EQ(outermost.status().code(), absl::StatusCode::kAborted);
  });
}

// A callback on each of many pending promises.
struct Crowd {
  Crowd(int size, Tokens& tokens) : deferreds(size) {
    for (Deferred<std::int64_t>& deferred : deferreds) {
      promises.push_back(deferred.promise().then([this, token = tokens.make()](std::int64_t x) {
        ++runs;
        return x;
      }));
    }
  }
  std::int64_t runs = 0;
  std::vector<Deferred<std::int64_t>> deferreds;
  std::vector<Promise<std::int64_t>> promises;
};

TEST_P(ChainsTest, BreaksManyPendingPromises) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Crowd crowd(many(), tokens);
    crowd.promises.clear();
    EXPECT_EQ(tokens.alive(), tokens.made());
    crowd.deferreds.clear();
    EXPECT_EQ(loop.poll(), absl::OkStatus());
    EXPECT_EQ(tokens.destroyed_once(), many());
    EXPECT_EQ(crowd.runs, 0);
  });
}

TEST_P(ChainsTest, DestroysManyPendingPromisesAfterTheLoopWasClosed) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Crowd crowd(many(), tokens);
    loop.close();
    crowd.deferreds.clear();
    EXPECT_EQ(tokens.destroyed_once(), many());
    EXPECT_EQ(crowd.runs, 0);
  });
}

TEST_P(ChainsTest, WaitsForAllOfMany) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Crowd crowd(many(), tokens);
    Promise<std::vector<std::int64_t>> all = when_all(std::move(crowd.promises));
    std::vector<std::int64_t> expected(many());
    for (int i = many(); i-- > 0;) crowd.deferreds[i].resolve(expected[i] = i);
    EXPECT_EQ(run_until_complete(loop, std::move(all)).value(), expected);
    EXPECT_EQ(crowd.runs, many());
  });
}

TEST_P(ChainsTest, RejectsAllOfManyThatBreak) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Crowd crowd(many(), tokens);
    Promise<std::vector<std::int64_t>> all = when_all(std::move(crowd.promises));
    crowd.deferreds.clear();
    EXPECT_EQ(run_until_complete(loop, std::move(all)).status().code(), absl::StatusCode::kAborted);
    EXPECT_EQ(crowd.runs, 0);
  });
}

TEST_P(ChainsTest, WaitsForAllOfManyThoughNobodyHoldsTheResult) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Crowd crowd(many(), tokens);
    drop(when_all(std::move(crowd.promises)));
    for (Deferred<std::int64_t>& deferred : crowd.deferreds) deferred.resolve(0);
    EXPECT_EQ(loop.poll(), absl::OkStatus());
    EXPECT_EQ(crowd.runs, many());
  });
}

TEST_P(ChainsTest, DestroysAllOfManyAfterTheLoopWasClosed) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Crowd crowd(many(), tokens);
    Promise<std::vector<std::int64_t>> all = when_all(std::move(crowd.promises));
    loop.close();
    crowd.deferreds.clear();
    EXPECT_EQ(all.status().code(), absl::StatusCode::kAborted);
    EXPECT_EQ(crowd.runs, 0);
  });
}

TEST_P(ChainsTest, CallsManyObserversInOrder) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> source;
    const Promise<std::int64_t> promise = source.promise();
    int runs = 0;
    int in_order = 0;
    for (int i = 0; i < many(); ++i) {
      promise.then([&, i, token = tokens.make()] { in_order += i == runs++; });
    }
    source.resolve(0);
    EXPECT_EQ(loop.poll(), absl::OkStatus());
    EXPECT_EQ(runs, many());
    EXPECT_EQ(in_order, many());
  });
}

TEST_P(ChainsTest, DestroysManyObserversOfABrokenPromise) {
  run([&](EventLoop& loop, Tokens& tokens) {
    Deferred<std::int64_t> source;
    int runs = 0;
    for (int i = 0; i < many(); ++i) {
      source.promise().then([&runs, token = tokens.make()] { ++runs; });
    }
    drop(std::move(source));
    EXPECT_EQ(loop.poll(), absl::OkStatus());
    EXPECT_EQ(tokens.destroyed_once(), many());
    EXPECT_EQ(runs, 0);
  });
}

double seconds_of_chain(int length) {
  const std::clock_t start = std::clock();
  {
    EventLoop loop({.clock = Clock::kVirtual});
    Tokens tokens(length);
    Deferred<std::int64_t> head;
    Promise<std::int64_t> end = lengthen(head.promise(), length, tokens);
    head.resolve(0);
    EXPECT_EQ(run_until_complete(loop, std::move(end)).value(), length);
  }
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

// What is not linear is quadratic, or takes a hundred times as long for ten times the links: so a wide margin will do,
// and a machine that was disturbed during one of the measurements gets another chance.
TEST(ChainCostTest, GrowsWithTheNumberOfLinks) {
  if (most_links() < kDefaultLinks) GTEST_SKIP() << "too few links to measure";
  double ratio = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const double tenth = seconds_of_chain(most_links() / 10);
    const double whole = seconds_of_chain(most_links());
    ratio = whole / tenth;
    std::printf("%d links: %.3f s of CPU time, %d links: %.3f s, ratio %.1f\n", most_links() / 10, tenth, most_links(),
                whole, ratio);
    if (ratio <= 20) break;
  }
  EXPECT_LE(ratio, 20);
}

}  // namespace
}  // namespace vow
