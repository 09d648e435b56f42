#include "test/benchmark/rows.h"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "loop/event_loop.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/race.h"
#include "promise/run.h"
#include "promise/when_all.h"

namespace vow::benchmark_rows {
namespace {

constexpr std::int64_t kLinks = 1000;
constexpr std::int64_t kGathered = 10'000;
constexpr std::int64_t kCalls = 1'000'000;
constexpr std::int64_t kTimers = 1'000'000;
constexpr std::int64_t kFired = 100'000;
constexpr std::int64_t kFibonacciCalls = 242'785;  // Of fibonacci(25), the recursive ones included.

// A benchmark that computes the wrong thing measures nothing.
void expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "benchmark: wrong result: %s\n", what);
  std::abort();
}

Promise<int> lengthen(Promise<int> promise) {
  for (std::int64_t i = 0; i < kLinks; ++i) promise = std::move(promise).then([](int x) { return x + 1; });
  return promise;
}

void chain_resolved(EventLoop& loop, std::int64_t repetitions) {
  while (repetitions-- > 0) {
    Promise<int> end = lengthen(resolve(0));
    expect(run_until_complete(loop, std::move(end)).value() == kLinks, "chain_resolved");
  }
}

void chain_pending(EventLoop& loop, std::int64_t repetitions) {
  while (repetitions-- > 0) {
    Deferred<int> head;
    Promise<int> end = lengthen(head.promise());
    head.resolve(0);
    expect(run_until_complete(loop, std::move(end)).value() == kLinks, "chain_pending");
  }
}

void chain_flatten(EventLoop& loop, std::int64_t repetitions) {
  while (repetitions-- > 0) {
    Promise<int> end = resolve(0);
    for (std::int64_t i = 0; i < kLinks; ++i) end = std::move(end).then([](int x) { return resolve(x + 1); });
    expect(run_until_complete(loop, std::move(end)).value() == kLinks, "chain_flatten");
  }
}

void then_latency(EventLoop& loop, std::int64_t repetitions) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < repetitions * kLinks; ++i) {
    resolve(1).then([&sum](int x) { sum += x; });
    loop.poll().IgnoreError();
  }
  expect(sum == repetitions * kLinks, "then_latency");
}

void fanout(EventLoop& loop, std::int64_t repetitions) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < repetitions; ++i) {
    Deferred<int> source;
    Promise<int> promise = source.promise();
    for (std::int64_t j = 0; j < kLinks; ++j) promise.then([&sum](int x) { sum += x; });
    source.resolve(1);
    loop.poll().IgnoreError();
  }
  expect(sum == repetitions * kLinks, "fanout");
}

void gather(EventLoop& loop, std::int64_t repetitions) {
  while (repetitions-- > 0) {
    std::vector<Deferred<int>> sources;
    std::vector<Promise<int>> promises;
    sources.reserve(kGathered);
    promises.reserve(kGathered);
    for (std::int64_t i = 0; i < kGathered; ++i) promises.push_back(sources.emplace_back().promise());
    Promise<std::vector<int>> all = when_all(std::move(promises));
    for (std::int64_t i = kGathered; i-- > 0;) sources[i].resolve(static_cast<int>(i));
    const std::vector<int> values = run_until_complete(loop, std::move(all)).value();
    expect(values.size() == kGathered && values[7] == 7, "when_all");
  }
}

void race_many(EventLoop& loop, std::int64_t repetitions) {
  while (repetitions-- > 0) {
    std::vector<Deferred<int>> sources;
    std::vector<Promise<int>> promises;
    sources.reserve(kLinks);
    promises.reserve(kLinks);
    for (std::int64_t i = 0; i < kLinks; ++i) promises.push_back(sources.emplace_back().promise());
    Promise<int> first = race(std::move(promises));
    sources[kLinks / 2].resolve(7);
    expect(run_until_complete(loop, std::move(first)).value() == 7, "race");
  }
}

struct PostAgain {
  EventLoop& loop;
  std::int64_t& left;
  void operator()() const {
    if (--left > 0) loop.call_soon(*this);
  }
};

void post_chain(EventLoop& loop, std::int64_t repetitions) {
  while (repetitions-- > 0) {
    std::int64_t left = kCalls;
    loop.call_soon(PostAgain{loop, left});
    loop.run().IgnoreError();
    expect(left == 0, "post_chain");
  }
}

void post_upfront(EventLoop& loop, std::int64_t repetitions) {
  while (repetitions-- > 0) {
    std::int64_t left = kCalls;
    for (std::int64_t i = 0; i < kCalls; ++i) loop.call_soon([&left] { --left; });
    loop.run().IgnoreError();
    expect(left == 0, "post_upfront");
  }
}

struct QueueAgain {
  EventLoop& loop;
  std::int64_t& left;
  void operator()() const {
    if (--left > 0) loop.queue_microtask(*this);
  }
};

void microtask_chain(EventLoop& loop, std::int64_t repetitions) {
  while (repetitions-- > 0) {
    std::int64_t left = kCalls;
    loop.queue_microtask(QueueAgain{loop, left});
    loop.run().IgnoreError();
    expect(left == 0, "microtask_chain");
  }
}

class Random {
 public:
  std::int64_t below(std::int64_t bound) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::int64_t>((state_ >> 33) % static_cast<std::uint64_t>(bound));
  }

 private:
  std::uint64_t state_ = 1;
};

// In a callback, as programs set their timers.
void timers_arm_cancel(EventLoop& loop, std::int64_t repetitions) {
  while (repetitions-- > 0) {
    std::vector<Handle> handles;
    handles.reserve(kTimers);
    loop.call_soon([&] {
      Random random;
      for (std::int64_t i = 0; i < kTimers; ++i) {
        handles.push_back(loop.call_later(absl::Microseconds(random.below(1'000'000)), [] {}));
      }
      for (Handle& handle : handles) expect(handle.cancel(), "timers_arm_cancel");
    });
    loop.run().IgnoreError();
  }
}

void timers_fire(EventLoop& loop, std::int64_t repetitions) {
  while (repetitions-- > 0) {
    std::int64_t left = kFired;
    loop.call_soon([&] {
      Random random;
      for (std::int64_t i = 0; i < kFired; ++i) {
        loop.call_later(absl::Nanoseconds(random.below(50'000'000)), [&left] { --left; });
      }
    });
    loop.run().IgnoreError();
    expect(left == 0, "timers_fire");
  }
}

Promise<std::int64_t> await_the_same(Promise<int> promise, std::int64_t times) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < times; ++i) sum += co_await promise;
  co_return sum;
}

void await_ready(EventLoop& loop, std::int64_t repetitions) {
  Promise<std::int64_t> sum = await_the_same(resolve(1), repetitions * kLinks);
  expect(run_until_complete(loop, std::move(sum)).value() == repetitions * kLinks, "await_ready");
}

// The promise of a value that a callback brings in the next turn.
Promise<int> call_back(EventLoop& loop) {
  Deferred<int> later;
  Promise<int> promise = later.promise();
  loop.call_soon([later = std::move(later)]() mutable { later.resolve(1); });
  return promise;
}

Promise<std::int64_t> await_callbacks(EventLoop& loop, std::int64_t times) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < times; ++i) sum += co_await call_back(loop);
  co_return sum;
}

void await_loop(EventLoop& loop, std::int64_t repetitions) {
  Promise<std::int64_t> sum = await_callbacks(loop, repetitions * kLinks);
  expect(run_until_complete(loop, std::move(sum)).value() == repetitions * kLinks, "await_loop");
}

Promise<int> fibonacci(int n) {
  if (n < 2) co_return n;
  const int before = co_await fibonacci(n - 1);
  co_return before + co_await fibonacci(n - 2);
}

void coro_fib25(EventLoop& loop, std::int64_t repetitions) {
  while (repetitions-- > 0) {
    expect(run_until_complete(loop, fibonacci(25)).value() == 75'025, "coro_fib25");
  }
}

}  // namespace

const std::vector<Row>& all_rows() {
  static const auto& rows = *new std::vector<Row>{
      {"chain_resolved", kLinks, chain_resolved},
      {"chain_pending", kLinks, chain_pending},
      {"chain_flatten", kLinks, chain_flatten},
      {"then_latency", kLinks, then_latency},
      {"fanout", kLinks, fanout},
      {"when_all", kGathered, gather},
      {"race", kLinks, race_many},
      {"post_chain", kCalls, post_chain},
      {"post_upfront", kCalls, post_upfront},
      {"microtask_chain", kCalls, microtask_chain},
      {"timers_arm_cancel", kTimers, timers_arm_cancel},
      {"timers_fire", kFired, timers_fire},
      {"await_ready", kLinks, await_ready},
      {"await_loop", kLinks, await_loop},
      {"coro_fib25", kFibonacciCalls, coro_fib25},
  };
  return rows;
}

}  // namespace vow::benchmark_rows
