#include "promise/create_task.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "promise/yield.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using CreateTaskTest = LoopTest;

TEST_F(CreateTaskTest, BeginsInALaterTurn) {
  create_task(log.note("task"));
  log.add("created");
  loop.queue_microtask(log.note("microtask"));
  run();
  EXPECT_EQ(log.str(), "created microtask task");
}

TEST_F(CreateTaskTest, TasksBeginInTheOrderOfTheirCreation) {
  create_task(log.note("first"));
  loop.call_soon(log.note("call_soon"));
  create_task(log.note("second"));
  run();
  EXPECT_EQ(log.str(), "first call_soon second");
}

TEST_F(CreateTaskTest, GivesWhatTheFunctionReturns) {
  const Promise<int> value = create_task([] { return 5; });
  const Promise<std::string> promised = create_task([] { return resolve(std::string("text")); });
  const Promise<> nothing = create_task([] {});
  run();
  EXPECT_EQ(value.value(), 5);
  EXPECT_EQ(promised.value(), "text");
  EXPECT_TRUE(nothing.is_fulfilled());
}

TEST_F(CreateTaskTest, PassesTheArguments) {
  const Promise<int> sum = create_task([](int a, int b, int c, int d) { return a + b + c + d; }, 1, 2, 3, 4);
  run();
  EXPECT_EQ(sum.value(), 10);
}

TEST_F(CreateTaskTest, PassesAnArgumentThatCannotBeCopied) {
  const auto take = [](std::unique_ptr<int> pointer) -> Promise<int> {
    co_await yield();
    co_return *pointer;
  };
  const Promise<int> value = create_task(take, std::make_unique<int>(5));
  run();
  EXPECT_EQ(value.value(), 5);
}

TEST_F(CreateTaskTest, ArgumentsLiveWhileTheirReferencesAreUsed) {
  const auto join = [](const std::vector<std::string>& words, const std::string& separator) -> Promise<std::string> {
    std::string text;
    for (const std::string& word : words) {
      co_await sleep(absl::Seconds(1));
      text += word + separator;
    }
    co_return text;
  };
  const Promise<std::string> text = create_task(join, std::vector<std::string>{"a", "b"}, std::string(", "));
  run();
  EXPECT_EQ(text.value(), "a, b, ");
}

TEST_F(CreateTaskTest, CallsAMemberFunction) {
  struct Counter {
    int value = 5;
    Promise<int> add(int more) {
      co_await yield();
      co_return value + more;
    }
  };
  Counter counter;
  const Promise<int> sum = create_task(&Counter::add, &counter, 2);
  run();
  EXPECT_EQ(sum.value(), 7);
}

TEST_F(CreateTaskTest, MovesWhatItCan) {
  ProbeCounts counts;
  create_task([](Probe) {}, Probe(counts));
  run();
  EXPECT_EQ(counts.copies, 0);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CreateTaskTest, KeepsTheCallableUntilItsPromiseHasSettled) {
  ProbeCounts counts;
  {
    const Promise<int> promise = create_task([probe = Probe(counts)]() -> Promise<int> {
      co_await sleep(absl::Seconds(1));
      co_return probe.is_whole() ? 1 : 0;
    });
    run();
    EXPECT_EQ(promise.value(), 1);
    EXPECT_EQ(counts.live, 0);
  }
}

TEST_F(CreateTaskTest, RejectsWithTheErrorOfItsFunction) {
  const Promise<> failed = create_task([] { return absl::NotFoundError("x"); });
  failed.catch_([](absl::Status) {});
  run();
  EXPECT_EQ(failed.status(), absl::NotFoundError("x"));
}

// asyncio 138
TEST_F(CreateTaskTest, CancelledBeforeItsTurnItIsNotCalled) {
  ProbeCounts counts;
  const Promise<> promise = create_task([this, probe = Probe(counts)] { log.add("never"); });
  EXPECT_TRUE(promise.cancel());
  EXPECT_EQ(counts.live, 0);
  run();
  EXPECT_EQ(log.str(), "");
}

TEST_F(CreateTaskTest, TheLoopClosesFirst) {
  ProbeCounts counts;
  const Promise<> promise = create_task([this, probe = Probe(counts)] { log.add("never"); });
  loop.close();
  EXPECT_EQ(promise.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(counts.live, 0);
}

TEST_F(CreateTaskTest, RunsThoughNobodyWaits) {
  create_task([this]() -> Promise<> {
    co_await sleep(absl::Seconds(1));
    log.add("done");
  });
  run();
  EXPECT_EQ(log.str(), "done");
}

}  // namespace
}  // namespace vow
