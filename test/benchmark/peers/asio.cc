// Boost.Asio, with callbacks, and with its coroutines. On Debian: apt-get install libboost-dev.
//
// Asio has no promise that one could chain, so a chain is one of coroutines that await each other; what others wait for is a
// timer without an end, which is cancelled: Asio's own recipe for an event. All as fast as it gets: one thread, no locks, and
// the executor's type known when compiling. No microtask_chain: there is one queue.

// Boost 1.74 needs <utility>, and does not include it.
// clang-format off
#include <utility>
#include <boost/asio.hpp>
// clang-format on

#include <chrono>
#include <exception>
#include <optional>
#include <thread>
#include <vector>

#include "test/benchmark/peers/peer.h"

namespace {

namespace asio = boost::asio;
using namespace peer;
using namespace std::chrono_literals;

using Clock = std::chrono::steady_clock;
using Executor = asio::io_context::executor_type;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;
template <class T = void>
using Awaitable = asio::awaitable<T, Executor>;
constexpr asio::use_awaitable_t<Executor> kAwait;

// Without locks: for one thread alone.
asio::io_context& context() {
  static asio::io_context context(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE);
  return context;
}

void run(asio::io_context& context) {
  context.run();
  context.restart();
}

// Runs a coroutine to its end.
template <class T>
T run(Awaitable<T> coroutine) {
  std::optional<T> result;
  asio::co_spawn(context().get_executor(), std::move(coroutine), [&](std::exception_ptr error, T value) {
    if (!error) result = value;
  });
  run(context());
  expect(result.has_value(), "a coroutine ends");
  return *result;
}

Awaitable<int> ready(int x) { co_return x; }
Awaitable<int> add_one(Awaitable<int> before) { co_return co_await std::move(before) + 1; }

// Awaitables cannot be assigned.
template <class F>
Awaitable<int> lengthen(Awaitable<int> head, std::int64_t links, F link) {
  std::optional<Awaitable<int>> end = std::move(head);
  for (std::int64_t i = 0; i < links; ++i) end.emplace(link(std::move(*end)));
  return std::move(*end);
}

void chain_resolved(std::int64_t links) { expect(run(lengthen(ready(0), links, add_one)) == links, "chain_resolved"); }

Awaitable<int> at_end_of(Timer& timer) {
  boost::system::error_code error;
  co_await timer.async_wait(asio::redirect_error(kAwait, error));
  co_return 0;
}

void chain_pending(std::int64_t links) {
  Timer head(context(), Timer::time_point::max());
  int result = 0;
  asio::co_spawn(context().get_executor(), lengthen(at_end_of(head), links, add_one),
                 [&](std::exception_ptr, int value) { result = value; });
  context().poll();
  context().restart();
  head.cancel();
  run(context());
  expect(result == links, "chain_pending");
}

Awaitable<int> add_one_later(Awaitable<int> before) { co_return co_await ready(co_await std::move(before) + 1); }

void chain_flatten(std::int64_t links) {
  expect(run(lengthen(ready(0), links, add_one_later)) == links, "chain_flatten");
}

// An operation that is complete when it begins posts its callback.
void then_latency(std::int64_t times) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < times; ++i) {
    asio::post(context(), [&sum, x = 1] { sum += x; });
    context().poll();
    context().restart();
  }
  expect(sum == times, "then_latency");
}

void fanout(std::int64_t reactions) {
  std::int64_t sum = 0;
  Timer source(context(), Timer::time_point::max());
  for (std::int64_t i = 0; i < reactions; ++i) source.async_wait([&sum](boost::system::error_code) { ++sum; });
  source.cancel();
  run(context());
  expect(sum == reactions, "fanout");
}

std::vector<Timer> endless_timers(std::int64_t count) {
  std::vector<Timer> timers;
  timers.reserve(count);
  for (std::int64_t i = 0; i < count; ++i) timers.emplace_back(context(), Timer::time_point::max());
  return timers;
}

// By a count: a combinator of its own (parallel_group) came with later versions, and takes longer.
void when_all(std::int64_t inputs) {
  std::vector<int> values(inputs);
  std::int64_t left = inputs;
  bool done = false;
  std::vector<Timer> sources = endless_timers(inputs);
  for (std::int64_t i = 0; i < inputs; ++i) {
    sources[i].async_wait([&values, &left, &done, i](boost::system::error_code) {
      values[i] = static_cast<int>(i);
      if (--left == 0) done = true;
    });
  }
  for (std::int64_t i = inputs; i-- > 0;) sources[i].cancel();
  run(context());
  expect(done && values[7] == 7, "when_all");
}

void race(std::int64_t inputs) {
  std::int64_t winner = -1;
  std::vector<Timer> sources = endless_timers(inputs);
  for (std::int64_t i = 0; i < inputs; ++i) {
    sources[i].async_wait([&sources, &winner, i](boost::system::error_code) {
      if (winner >= 0) return;  // A loser, which has been cancelled.
      winner = i;
      for (Timer& source : sources) source.cancel();
    });
  }
  sources[inputs / 2].cancel();
  run(context());
  expect(winner == inputs / 2, "race");
}

struct PostAgain {
  std::int64_t& left;
  void operator()() const {
    if (--left > 0) asio::defer(context(), *this);
  }
};

void post_chain(std::int64_t calls) {
  std::int64_t left = calls;
  asio::post(context(), PostAgain{left});
  run(context());
  expect(left == 0, "post_chain");
}

void post_upfront(std::int64_t calls) {
  std::int64_t left = calls;
  for (std::int64_t i = 0; i < calls; ++i) asio::post(context(), [&left] { --left; });
  run(context());
  expect(left == 0, "post_upfront");
}

void post_cross_thread(std::int64_t calls) {
  std::int64_t left = calls;
  asio::io_context context(1);  // With locks.
  auto work = asio::make_work_guard(context);
  std::thread other([&left, &context, calls, work = std::move(work)]() mutable {
    for (std::int64_t i = 0; i < calls; ++i) asio::post(context, [&left] { --left; });
    work.reset();
  });
  context.run();
  other.join();
  expect(left == 0, "post_cross_thread");
}

void timers_arm_cancel(std::int64_t count) {
  std::vector<Timer> timers;
  timers.reserve(count);
  std::int64_t cancelled = 0;
  asio::post(context(), [&] {
    Random random;
    for (std::int64_t i = 0; i < count; ++i) {
      Timer& timer = timers.emplace_back(context(), std::chrono::microseconds(random.below(1'000'000)));
      timer.async_wait([&cancelled](boost::system::error_code error) { cancelled += error ? 1 : 0; });
    }
    for (Timer& timer : timers) timer.cancel();
  });
  run(context());
  expect(cancelled == count, "timers_arm_cancel");
}

void timers_fire(std::int64_t count) {
  std::vector<Timer> timers;
  timers.reserve(count);
  std::int64_t left = count;
  Random random;
  for (std::int64_t i = 0; i < count; ++i) {
    Timer& timer = timers.emplace_back(context(), std::chrono::nanoseconds(random.below(50'000'000)));
    timer.async_wait([&left](boost::system::error_code) { --left; });
  }
  run(context());
  expect(left == 0, "timers_fire");
}

void sleepers(std::int64_t count) {
  std::vector<Timer> timers;
  timers.reserve(count);
  std::int64_t left = count;
  for (std::int64_t i = 0; i < count; ++i) {
    timers.emplace_back(context(), 1s).async_wait([&left](boost::system::error_code) { --left; });
  }
  run(context());
  expect(left == 0, "sleepers");
}

Awaitable<> sleep_in_coroutine(std::int64_t& left) {
  Timer timer(context(), 1s);
  co_await timer.async_wait(kAwait);
  --left;
}

void sleepers_coro(std::int64_t count) {
  std::int64_t left = count;
  for (std::int64_t i = 0; i < count; ++i) {
    asio::co_spawn(context().get_executor(), sleep_in_coroutine(left), asio::detached);
  }
  run(context());
  expect(left == 0, "sleepers_coro");
}

Awaitable<std::int64_t> await_ready_ones(std::int64_t times) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < times; ++i) sum += co_await ready(1);
  co_return sum;
}

void await_ready(std::int64_t times) { expect(run(await_ready_ones(times)) == times, "await_ready"); }

Awaitable<std::int64_t> await_posts(std::int64_t times) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < times; ++i) {
    co_await asio::post(context(), kAwait);
    ++sum;
  }
  co_return sum;
}

void await_loop(std::int64_t times) { expect(run(await_posts(times)) == times, "await_loop"); }

Awaitable<int> fibonacci(int n) {
  if (n < 2) co_return n;
  const int before = co_await fibonacci(n - 1);
  co_return before + co_await fibonacci(n - 2);
}

void coro_fib25(std::int64_t) { expect(run(fibonacci(25)) == 75'025, "coro_fib25"); }

}  // namespace

int main(int argc, char** argv) {
  return run_rows(argc, argv,
                  {
                      {"chain_resolved", kLinks, chain_resolved},
                      {"chain_pending", kLinks, chain_pending},
                      {"chain_flatten", kLinks, chain_flatten},
                      {"then_latency", kLinks, then_latency},
                      {"fanout", kLinks, fanout},
                      {"when_all", kGathered, when_all},
                      {"race", kLinks, race},
                      {"post_chain", kCalls, post_chain},
                      {"post_upfront", kCalls, post_upfront},
                      {"post_cross_thread", kCalls, post_cross_thread},
                      {"timers_arm_cancel", kTimers, timers_arm_cancel},
                      {"timers_fire", kFired, timers_fire},
                      {"sleepers", kSleepers, sleepers},
                      {"sleepers_coro", kSleepers, sleepers_coro},
                      {"await_ready", kLinks, await_ready},
                      {"await_loop", kLinks, await_loop},
                      {"coro_fib25", kFibonacciCalls, coro_fib25},
                  });
}
