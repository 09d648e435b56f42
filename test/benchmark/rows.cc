#include "test/benchmark/rows.h"

#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "loop/event_loop.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/race.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "test/benchmark/work.h"

namespace vow::benchmark_rows {
namespace {

Promise<int> lengthen(Promise<int> promise, std::int64_t links) {
  for (std::int64_t i = 0; i < links; ++i) promise = std::move(promise).then([](int x) { return x + 1; });
  return promise;
}

void chain_resolved(EventLoop& loop, std::int64_t links) {
  Promise<int> end = lengthen(resolve(0), links);
  expect(run_until_complete(loop, std::move(end)).value() == links, "chain_resolved");
}

void chain_pending(EventLoop& loop, std::int64_t links) {
  Deferred<int> head;
  Promise<int> end = lengthen(head.promise(), links);
  head.resolve(0);
  expect(run_until_complete(loop, std::move(end)).value() == links, "chain_pending");
}

void chain_flatten(EventLoop& loop, std::int64_t links) {
  Promise<int> end = resolve(0);
  for (std::int64_t i = 0; i < links; ++i) end = std::move(end).then([](int x) { return resolve(x + 1); });
  expect(run_until_complete(loop, std::move(end)).value() == links, "chain_flatten");
}

void then_latency(EventLoop& loop, std::int64_t times) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < times; ++i) {
    resolve(1).then([&sum](int x) { sum += x; });
    loop.poll().IgnoreError();
  }
  expect(sum == times, "then_latency");
}

void fanout(EventLoop& loop, std::int64_t reactions) {
  std::int64_t sum = 0;
  Deferred<int> source;
  Promise<int> promise = source.promise();
  for (std::int64_t i = 0; i < reactions; ++i) promise.then([&sum](int x) { sum += x; });
  source.resolve(1);
  loop.poll().IgnoreError();
  expect(sum == reactions, "fanout");
}

void gather(EventLoop& loop, std::int64_t inputs) {
  std::vector<Deferred<int>> sources;
  std::vector<Promise<int>> promises;
  sources.reserve(inputs);
  promises.reserve(inputs);
  for (std::int64_t i = 0; i < inputs; ++i) promises.push_back(sources.emplace_back().promise());
  Promise<std::vector<int>> all = when_all(std::move(promises));
  for (std::int64_t i = inputs; i-- > 0;) sources[i].resolve(static_cast<int>(i));
  const std::vector<int> values = run_until_complete(loop, std::move(all)).value();
  expect(values.size() == static_cast<std::size_t>(inputs) && values[7] == 7, "when_all");
}

void race_many(EventLoop& loop, std::int64_t inputs) {
  std::vector<Deferred<int>> sources;
  std::vector<Promise<int>> promises;
  sources.reserve(inputs);
  promises.reserve(inputs);
  for (std::int64_t i = 0; i < inputs; ++i) promises.push_back(sources.emplace_back().promise());
  Promise<int> first = race(std::move(promises));
  sources[inputs / 2].resolve(7);
  expect(run_until_complete(loop, std::move(first)).value() == 7, "race");
}

struct PostAgain {
  EventLoop& loop;
  std::int64_t& left;
  void operator()() const {
    if (--left > 0) loop.call_soon(*this);
  }
};

void post_chain(EventLoop& loop, std::int64_t calls) {
  std::int64_t left = calls;
  loop.call_soon(PostAgain{loop, left});
  loop.run().IgnoreError();
  expect(left == 0, "post_chain");
}

void post_upfront(EventLoop& loop, std::int64_t calls) {
  std::int64_t left = calls;
  for (std::int64_t i = 0; i < calls; ++i) loop.call_soon([&left] { --left; });
  loop.run().IgnoreError();
  expect(left == 0, "post_upfront");
}

struct QueueAgain {
  EventLoop& loop;
  std::int64_t& left;
  void operator()() const {
    if (--left > 0) loop.queue_microtask(*this);
  }
};

void microtask_chain(EventLoop& loop, std::int64_t calls) {
  std::int64_t left = calls;
  loop.queue_microtask(QueueAgain{loop, left});
  loop.run().IgnoreError();
  expect(left == 0, "microtask_chain");
}

// `run` waits as long as there is a Poster.
void post_cross_thread(EventLoop& loop, std::int64_t calls) {
  std::int64_t left = calls;
  std::thread other([&left, calls, poster = loop.poster()] {
    for (std::int64_t i = 0; i < calls; ++i) poster.post([&left] { --left; });
  });
  loop.run().IgnoreError();
  other.join();
  expect(left == 0, "post_cross_thread");
}

// In a callback, as programs set their timers.
void timers_arm_cancel(EventLoop& loop, std::int64_t timers) {
  std::vector<Handle> handles;
  handles.reserve(timers);
  loop.call_soon([&] {
    Random random;
    for (std::int64_t i = 0; i < timers; ++i) {
      handles.push_back(loop.call_later(absl::Microseconds(random.below(1'000'000)), [] {}));
    }
    for (Handle& handle : handles) expect(handle.cancel(), "timers_arm_cancel");
  });
  loop.run().IgnoreError();
}

void timers_fire(EventLoop& loop, std::int64_t timers) {
  std::int64_t left = timers;
  loop.call_soon([&] {
    Random random;
    for (std::int64_t i = 0; i < timers; ++i) {
      loop.call_later(absl::Nanoseconds(random.below(50'000'000)), [&left] { --left; });
    }
  });
  loop.run().IgnoreError();
  expect(left == 0, "timers_fire");
}

void sleep_all(EventLoop& loop, std::int64_t sleepers, Promise<> (*sleep_a_second)()) {
  std::vector<Promise<>> promises;
  promises.reserve(sleepers);
  for (std::int64_t i = 0; i < sleepers; ++i) promises.push_back(sleep_a_second());
  expect(run_until_complete(loop, when_all(std::move(promises))).ok(), "sleepers");
}

void sleepers(EventLoop& loop, std::int64_t sleepers) {
  sleep_all(loop, sleepers, [] { return sleep(absl::Seconds(1)); });
}

Promise<> sleep_in_coroutine() { co_await sleep(absl::Seconds(1)); }

void sleepers_coro(EventLoop& loop, std::int64_t sleepers) { sleep_all(loop, sleepers, sleep_in_coroutine); }

Promise<std::int64_t> await_the_same(Promise<int> promise, std::int64_t times) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < times; ++i) sum += co_await promise;
  co_return sum;
}

void await_ready(EventLoop& loop, std::int64_t times) {
  Promise<std::int64_t> sum = await_the_same(resolve(1), times);
  expect(run_until_complete(loop, std::move(sum)).value() == times, "await_ready");
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

void await_loop(EventLoop& loop, std::int64_t times) {
  Promise<std::int64_t> sum = await_callbacks(loop, times);
  expect(run_until_complete(loop, std::move(sum)).value() == times, "await_loop");
}

Promise<int> fibonacci(int n) {
  if (n < 2) co_return n;
  const int before = co_await fibonacci(n - 1);
  co_return before + co_await fibonacci(n - 2);
}

void coro_fib25(EventLoop& loop, std::int64_t) {
  expect(run_until_complete(loop, fibonacci(25)).value() == 75'025, "coro_fib25");
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
      {"post_cross_thread", kCalls, post_cross_thread},
      {"timers_arm_cancel", kTimers, timers_arm_cancel},
      {"timers_fire", kFired, timers_fire},
      {"sleepers", kSleepers, sleepers},
      {"sleepers_coro", kSleepers, sleepers_coro},
      {"await_ready", kLinks, await_ready},
      {"await_loop", kLinks, await_loop},
      {"coro_fib25", kFibonacciCalls, coro_fib25},
  };
  return rows;
}

}  // namespace vow::benchmark_rows
