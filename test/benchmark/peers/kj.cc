// KJ, the promises of Cap'n Proto. On Debian: apt-get install libcapnp-dev.
//
// A KJ chain is lazy: it runs when somebody waits for it, and a chain of `then`s is one event, not many. A callback that is
// to run by itself is `eagerlyEvaluate`d. No await rows: g++ 12 crashes on KJ's coroutines (GCC PR 102051). No
// microtask_chain: there is one queue.

#include <kj/async-io.h>
#include <kj/async.h>
#include <kj/thread.h>
#include <kj/timer.h>
#include <kj/vector.h>

#include "test/benchmark/peers/peer.h"

namespace {

using namespace peer;

kj::EventLoop& loop() {
  static kj::EventLoop loop;
  return loop;
}

kj::WaitScope& here() {
  static kj::WaitScope scope(loop());
  return scope;
}

kj::Promise<int> lengthen(kj::Promise<int> promise, std::int64_t links) {
  for (std::int64_t i = 0; i < links; ++i) promise = promise.then([](int x) { return x + 1; });
  return promise;
}

void chain_resolved(std::int64_t links) {
  here();
  expect(lengthen(0, links).wait(here()) == links, "chain_resolved");
}

void chain_pending(std::int64_t links) {
  here();
  auto head = kj::newPromiseAndFulfiller<int>();
  kj::Promise<int> end = lengthen(kj::mv(head.promise), links);
  head.fulfiller->fulfill(0);
  expect(end.wait(here()) == links, "chain_pending");
}

void chain_flatten(std::int64_t links) {
  here();
  kj::Promise<int> end = 0;
  for (std::int64_t i = 0; i < links; ++i) end = end.then([](int x) -> kj::Promise<int> { return x + 1; });
  expect(end.wait(here()) == links, "chain_flatten");
}

void then_latency(std::int64_t times) {
  here();
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < times; ++i) {
    kj::Promise<int>(1).then([&sum](int x) { sum += x; }).wait(here());
  }
  expect(sum == times, "then_latency");
}

void fanout(std::int64_t reactions) {
  here();
  std::int64_t sum = 0;
  auto source = kj::newPromiseAndFulfiller<int>();
  kj::ForkedPromise<int> promise = source.promise.fork();
  auto branches = kj::heapArrayBuilder<kj::Promise<void>>(reactions);
  for (std::int64_t i = 0; i < reactions; ++i) {
    branches.add(promise.addBranch().then([&sum](int x) { sum += x; }));
  }
  source.fulfiller->fulfill(1);
  kj::joinPromises(branches.finish()).wait(here());  // Faster than to evaluate each by itself.
  expect(sum == reactions, "fanout");
}

void when_all(std::int64_t inputs) {
  here();
  auto fulfillers = kj::heapArrayBuilder<kj::Own<kj::PromiseFulfiller<int>>>(inputs);
  auto promises = kj::heapArrayBuilder<kj::Promise<int>>(inputs);
  for (std::int64_t i = 0; i < inputs; ++i) {
    auto input = kj::newPromiseAndFulfiller<int>();
    fulfillers.add(kj::mv(input.fulfiller));
    promises.add(kj::mv(input.promise));
  }
  kj::Promise<kj::Array<int>> all = kj::joinPromises(promises.finish());
  for (std::int64_t i = inputs; i-- > 0;) fulfillers[i]->fulfill(static_cast<int>(i));
  const kj::Array<int> values = all.wait(here());
  expect(values.size() == static_cast<std::size_t>(inputs) && values[7] == 7, "when_all");
}

// KJ races two; a tree of such races keeps the way of the winner short.
kj::Promise<int> race_of(kj::ArrayPtr<kj::Promise<int>> promises) {
  if (promises.size() == 1) return kj::mv(promises[0]);
  const std::size_t half = promises.size() / 2;
  return race_of(promises.slice(0, half)).exclusiveJoin(race_of(promises.slice(half, promises.size())));
}

void race(std::int64_t inputs) {
  here();
  auto fulfillers = kj::heapArrayBuilder<kj::Own<kj::PromiseFulfiller<int>>>(inputs);
  auto promises = kj::heapArrayBuilder<kj::Promise<int>>(inputs);
  for (std::int64_t i = 0; i < inputs; ++i) {
    auto input = kj::newPromiseAndFulfiller<int>();
    fulfillers.add(kj::mv(input.fulfiller));
    promises.add(kj::mv(input.promise));
  }
  kj::Promise<int> first = race_of(promises);
  fulfillers[inputs / 2]->fulfill(7);
  expect(first.wait(here()) == 7, "race");
}

// A function that ends by posting itself: KJ cuts such chains short.
kj::Promise<void> post_again(std::int64_t& left) {
  return kj::evalLater([&left]() -> kj::Promise<void> {
    if (--left == 0) return kj::READY_NOW;
    return post_again(left);
  });
}

void post_chain(std::int64_t calls) {
  here();
  std::int64_t left = calls;
  post_again(left).wait(here());
  expect(left == 0, "post_chain");
}

struct Failures final : kj::TaskSet::ErrorHandler {
  void taskFailed(kj::Exception&&) override { expect(false, "no task fails"); }
};

void post_upfront(std::int64_t calls) {
  here();
  std::int64_t left = calls;
  Failures failures;
  kj::TaskSet tasks(failures);
  for (std::int64_t i = 0; i < calls; ++i) tasks.add(kj::evalLater([&left] { --left; }));
  tasks.onEmpty().wait(here());
  expect(left == 0, "post_upfront");
}

// executeAsync waits for an answer, which comes back to the loop of the other thread.
void post_cross_thread(std::int64_t calls) {
  here();
  std::int64_t left = calls;
  auto done = kj::newPromiseAndCrossThreadFulfiller<void>();
  const kj::Executor& executor = kj::getCurrentThreadExecutor();
  kj::Thread other([&] {
    kj::EventLoop loop;
    kj::WaitScope scope(loop);
    auto answers = kj::heapArrayBuilder<kj::Promise<void>>(calls);
    for (std::int64_t i = 0; i < calls; ++i) answers.add(executor.executeAsync([&left] { --left; }));
    kj::joinPromises(answers.finish()).wait(scope);
    done.fulfiller->fulfill();
  });
  done.promise.wait(here());
  expect(left == 0, "post_cross_thread");
}

void timers_arm_cancel(std::int64_t timers) {
  here();
  kj::TimerImpl timer(kj::systemCoarseMonotonicClock().now());
  kj::evalLater([&] {
    Random random;
    auto promises = kj::heapArrayBuilder<kj::Promise<void>>(timers);
    for (std::int64_t i = 0; i < timers; ++i) {
      promises.add(timer.afterDelay(random.below(1'000'000) * kj::MICROSECONDS));
    }
    // The promises end here, and so do their timers.
  }).wait(here());
}

kj::AsyncIoContext& io() {
  static kj::AsyncIoContext io = kj::setupAsyncIo();  // With a loop of its own, which waits in the kernel.
  return io;
}

void timers_fire(std::int64_t timers) {
  std::int64_t left = timers;
  kj::Timer& timer = io().provider->getTimer();
  Random random;
  auto promises = kj::heapArrayBuilder<kj::Promise<void>>(timers);
  for (std::int64_t i = 0; i < timers; ++i) {
    promises.add(timer.afterDelay(random.below(50'000'000) * kj::NANOSECONDS).then([&left] { --left; }));
  }
  kj::joinPromises(promises.finish()).wait(io().waitScope);
  expect(left == 0, "timers_fire");
}

void sleepers(std::int64_t sleepers) {
  kj::Timer& timer = io().provider->getTimer();
  auto promises = kj::heapArrayBuilder<kj::Promise<void>>(sleepers);
  for (std::int64_t i = 0; i < sleepers; ++i) promises.add(timer.afterDelay(1 * kj::SECONDS));
  kj::joinPromises(promises.finish()).wait(io().waitScope);
}

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
                  });
}
