// What becomes of coroutines when what they wait for never comes: when its Deferred is dropped, when the loop closes.

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/channel.h"
#include "promise/coroutine.h"
#include "promise/create_task.h"
#include "promise/generator.h"
#include "promise/mutex.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "promise/task_group.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using absl::StatusCode;

class CoroutineLifetimeTest : public LoopTest {
 protected:
  Promise<int> wait_for(Promise<int> awaited) {
    const Log::AtEnd first = log.at_end("~1");
    const Log::AtEnd second = log.at_end("~2");
    const int value = co_await std::move(awaited);
    log.add("went on");
    co_return value;
  }

  void run_for_a_second() {
    loop.call_later(absl::Seconds(1), [&] { loop.stop(); });
    EXPECT_EQ(loop.run_forever(), absl::OkStatus());
  }

  Promise<int> source_promise() {
    source.emplace();
    return source->promise();
  }

  std::optional<Deferred<int>> source;
};

TEST_F(CoroutineLifetimeTest, GoesOnWhenItsDeferredIsResolved) {
  const Promise<int> p = wait_for(source_promise());
  source->resolve(5);
  run();
  EXPECT_EQ(p.value(), 5);
  EXPECT_EQ(log.str(), "went on ~2 ~1");
}

TEST_F(CoroutineLifetimeTest, GoesOnThoughNobodyHoldsItsPromise) {
  static_cast<void>(wait_for(source_promise()));
  source->resolve(5);
  run();
  EXPECT_EQ(log.str(), "went on ~2 ~1");
}

TEST_F(CoroutineLifetimeTest, EndsWhenItsDeferredIsDropped) {
  const Promise<absl::StatusOr<int>> p = wait_for(source_promise()).settled();
  source.reset();
  run();
  EXPECT_EQ(p.value().status().code(), StatusCode::kAborted);
  EXPECT_EQ(log.str(), "~2 ~1");
}

// asyncio 145
TEST_F(CoroutineLifetimeTest, ALoopThatClosesEndsItWithAnErrorThatNamesThePlace) {
  const Promise<int> p = wait_for(source_promise());
  loop.close();
  source.reset();
  EXPECT_EQ(log.str(), "~2 ~1");
  EXPECT_EQ(p.status().code(), StatusCode::kAborted);
  EXPECT_NE(p.status().message().find("coroutine_lifetime_test.cc:"), std::string::npos) << p.status();
}

TEST_F(CoroutineLifetimeTest, ADeferredThatIsResolvedAfterTheLoopHasClosedEndsIt) {
  const Promise<int> p = wait_for(source_promise());
  loop.close();
  source->resolve(5);
  EXPECT_TRUE(p.is_rejected());
  EXPECT_EQ(log.str(), "~2 ~1");
}

TEST_F(CoroutineLifetimeTest, ALoopThatClosesEndsWhatSleeps) {
  auto sleeper = [&]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~sleeper");
    co_await sleep(absl::Hours(1));
  };
  const Promise<> p = sleeper();
  loop.close();
  EXPECT_EQ(log.str(), "~sleeper");
  EXPECT_TRUE(p.is_rejected());
}

TEST_F(CoroutineLifetimeTest, ALoopThatClosesEndsThoseThatAwaitEachOther) {
  auto inner = [&]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~inner");
    co_await sleep(absl::Hours(1));
  };
  auto outer = [&]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~outer");
    co_await inner();
  };
  const Promise<> p = outer();
  loop.close();
  EXPECT_EQ(log.str(), "~inner ~outer");
  EXPECT_TRUE(p.is_rejected());
}

TEST_F(CoroutineLifetimeTest, ALoopThatClosesEndsWhatIsAboutToGoOn) {
  const Promise<int> p = wait_for(source_promise());
  source->resolve(5);
  loop.close();
  EXPECT_EQ(log.str(), "~2 ~1");
  EXPECT_TRUE(p.is_rejected());
}

// asyncio 147
TEST_F(CoroutineLifetimeTest, ATaskWhoseFirstStepNeverComesDestroysItsArguments) {
  const Promise<> task = create_task([](Log::AtEnd) { ADD_FAILURE(); }, log.at_end("~argument"));
  loop.close();
  EXPECT_EQ(log.str(), "~argument");
  EXPECT_TRUE(task.is_rejected());
}

// asyncio 146
TEST_F(CoroutineLifetimeTest, AFinishedOneKeepsNothingButItsResult) {
  auto f = [&](Log::AtEnd) -> Promise<int> {
    const Log::AtEnd local = log.at_end("~local");
    co_await sleep(absl::Seconds(1));
    co_return 5;
  };
  const Promise<int> p = create_task(f, log.at_end("~argument"));
  run();
  EXPECT_EQ(log.str(), "~local ~argument");
  EXPECT_EQ(p.value(), 5);
}

TEST_F(CoroutineLifetimeTest, ALoopThatClosesEndsAGenerator) {
  auto count = [&]() -> AsyncGenerator<int> {
    const Log::AtEnd end = log.at_end("~generator");
    co_yield 1;
    co_await sleep(absl::Hours(1));
    co_yield 2;
  };
  AsyncGenerator<int> generator = count();
  generator.next();
  const Promise<std::optional<int>> second = generator.next();
  run_for_a_second();
  loop.close();
  EXPECT_EQ(log.str(), "~generator");
  EXPECT_TRUE(second.is_rejected());
}

TEST_F(CoroutineLifetimeTest, ALoopThatClosesEndsAGroup) {
  auto member = [&]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~member");
    co_await sleep(absl::Hours(1));
  };
  auto owner = [&]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~owner");
    TaskGroup group;
    group.spawn(member);
    group.spawn(member);
    co_await group.join();
  };
  const Promise<> p = owner();
  run_for_a_second();
  loop.close();
  EXPECT_EQ(log.str(), "~member ~member ~owner");
  EXPECT_TRUE(p.is_rejected());
}

TEST_F(CoroutineLifetimeTest, ALoopThatClosesEndsWhoWaitsForAMutexOrAChannel) {
  Mutex mutex;
  Channel<int> channel(1);
  auto locker = [&]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~locker");
    auto guard = co_await mutex.lock();
    co_await sleep(absl::Hours(1));
  };
  auto receiver = [&]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~receiver");
    co_await channel.receive();
  };
  const Promise<> first = locker(), second = locker(), third = receiver();
  run_for_a_second();
  loop.close();
  // The end of the first one lets the second one go on, which so ends, too. Who waits for an item goes with the channel.
  EXPECT_EQ(log.str(), "~locker ~locker");
  EXPECT_TRUE(first.is_rejected());
  EXPECT_TRUE(second.is_rejected());
  EXPECT_TRUE(third.is_pending());
}

TEST_F(CoroutineLifetimeTest, WhatIsDroppedAfterTheLoopHasClosedMayEndOthersThatAreToBeDropped) {
  const Promise<int> shared = source_promise();
  TaskGroup* inner = nullptr;
  auto member = [&]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~member");
    static_cast<void>(co_await sleep(absl::Hours(1)).settled());
    co_await shared;
  };
  auto owner = [&]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~owner");
    TaskGroup group;
    inner = &group;
    group.spawn(member);
    co_await shared;
  };
  const Promise<> p = owner();
  run_for_a_second();
  inner->cancel();
  run_for_a_second();
  loop.close();
  source.reset();
  EXPECT_EQ(log.str(), "~member ~owner");
}

TEST_F(CoroutineLifetimeTest, AGeneratorDroppedAfterItsLoopHasClosedRejectsWhoAsked) {
  auto count = [&]() -> AsyncGenerator<int> { co_yield co_await source_promise(); };
  AsyncGenerator<int> generator = count();
  const Promise<std::optional<int>> first = generator.next();
  loop.close();
  EventLoop other;
  source->resolve(5);
  EXPECT_EQ(first.status().code(), StatusCode::kAborted);
}

TEST_F(CoroutineLifetimeTest, ALoopThatClosesRejectsAJoinThatWaitsForWhoCleansUp) {
  TaskGroup group;
  group.spawn([]() -> Promise<> {
    static_cast<void>(co_await sleep(absl::Hours(1)).settled());
    co_await sleep(absl::Hours(1));
  });
  run_for_a_second();
  group.cancel();
  const Promise<> joined = group.join();
  run_for_a_second();
  loop.close();
  EXPECT_EQ(joined.status().code(), StatusCode::kAborted);
}

TEST_F(CoroutineLifetimeTest, ALoopThatClosesRejectsAJoinWhoseGroupGoesWithACoroutine) {
  std::optional<Promise<>> joined;
  auto owner = [&]() -> Promise<> {
    TaskGroup group;
    group.spawn([] { return sleep(absl::Hours(1)); });
    joined = group.join();
    co_await source_promise();
  };
  const Promise<> p = owner();
  source->resolve(1);
  loop.close();
  EXPECT_EQ(joined->status().code(), StatusCode::kAborted);
}

TEST_F(CoroutineLifetimeTest, AnErrorOfAGroupThatOutlivesTheLoopGoesWithIt) {
  TaskGroup group;
  group.spawn([] { return absl::NotFoundError("unheard"); });
  run();
  loop.close();
}

}  // namespace
}  // namespace vow
