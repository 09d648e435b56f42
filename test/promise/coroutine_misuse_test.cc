// What becomes of mistakes; and where a coroutine's promise counts as made.

#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/create_task.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/unhandled_rejection.h"
#include "promise/yield.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::HasSubstr;

using CoroutineCycleTest = LoopTest;
using CoroutinePlaceTest = LoopTest;
using CoroutineDeathTest = LoopTest;

// asyncio 90
TEST_F(CoroutineCycleTest, ToAwaitOnesOwnPromiseIsAnError) {
  std::optional<Promise<>> self;
  const auto body = [&]() -> Promise<> {
    const Log::AtEnd end = log.at_end("~");
    co_await yield();
    co_await *self;
  };
  self = body();
  run();
  EXPECT_EQ(self->status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(self->status().message(), HasSubstr("chaining cycle"));
  EXPECT_EQ(log.str(), "~");
}

TEST_F(CoroutineCycleTest, ItsErrorCanBeAwaitedAsAValue) {
  std::optional<Promise<>> self;
  std::optional<Promise<absl::Status>> outcome;
  const auto body = [&]() -> Promise<> {
    co_await yield();
    const absl::Status status = co_await *outcome;
    log.add(absl::StatusCodeToString(status.code()));
  };
  self = body();
  outcome = self->settled();
  run();
  EXPECT_EQ(log.str(), "INVALID_ARGUMENT");
}

TEST_F(CoroutineCycleTest, ToAwaitOneWhoAwaitsItIsAnError) {
  std::optional<Promise<>> first, second;
  const auto body = [&](std::optional<Promise<>>& other) -> Promise<> {
    co_await yield();
    co_await *other;
  };
  first = body(second);
  second = body(first);
  run();
  EXPECT_EQ(second->status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(first->status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CoroutineCycleTest, ToReturnOnesOwnPromiseIsAnError) {
  std::optional<Promise<int>> self;
  const auto body = [&]() -> Promise<int> {
    co_await yield();
    co_return *self;
  };
  self = body();
  run();
  EXPECT_EQ(self->status().code(), absl::StatusCode::kInvalidArgument);
}

// ---- Where it was made ----

TEST_F(CoroutinePlaceTest, IsWhereItLastAwaited) {
  const auto body = []() -> Promise<> {
    co_await yield();
    Deferred<> never;
    const Promise<> promise = never.promise();
    co_await promise;
  };
  const int line = __LINE__ - 2;
  Promise<> stalled = body();
  const absl::Status outcome = run_until_complete(loop, stalled);
  EXPECT_EQ(outcome.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(outcome.message(), HasSubstr(absl::StrCat("coroutine_misuse_test.cc:", line)));
  stalled.cancel();
}

TEST_F(CoroutinePlaceTest, IsReportedWhenNobodyHandlesItsError) {
  const auto previous =
      on_unhandled_rejection([this](const absl::Status&, SourceLocation where) { log.add(to_string(where)); });
  const auto body = []() -> Promise<> {
    co_await yield();
    co_await absl::NotFoundError("x");
  };
  const int line = __LINE__ - 2;
  body();
  run();
  on_unhandled_rejection(previous);
  EXPECT_THAT(log.str(), HasSubstr(absl::StrCat("coroutine_misuse_test.cc:", line)));
}

TEST_F(CoroutinePlaceTest, IsInTheFunctionBeforeThat) {
  const auto previous =
      on_unhandled_rejection([this](const absl::Status&, SourceLocation where) { log.add(to_string(where)); });
  const auto body = []() -> Promise<int> { co_return absl::NotFoundError("x"); };
  const int line = __LINE__ - 1;
  body();
  run();
  on_unhandled_rejection(previous);
  EXPECT_THAT(log.str(), HasSubstr(absl::StrCat("coroutine_misuse_test.cc:", line)));
}

// ---- Ends of the program ----

TEST_F(CoroutineDeathTest, ToAwaitAPromiseThatWasMovedFrom) {
  const auto body = []() -> Promise<> {
    Promise<> promise = resolve();
    Promise<> other = std::move(promise);
    co_await promise;
  };
  EXPECT_DEATH(body(), "coroutine_misuse_test.cc:.*co_await\\(\\) on a Promise that was moved from");
}

TEST_F(CoroutineDeathTest, ToReturnAPromiseThatWasMovedFrom) {
  const auto body = []() -> Promise<> {
    Promise<int> promise = resolve(1);
    Promise<int> other = std::move(promise);
    const auto inner = [](Promise<int>& empty) -> Promise<int> { co_return std::move(empty); };
    co_await inner(promise);
  };
  EXPECT_DEATH(body(), "resolve\\(\\) on a Promise that was moved from");
}

TEST_F(CoroutineDeathTest, ToReturnAPromiseThatWasMovedFromWhenItIsCancelled) {
  std::optional<Promise<int>> self;
  const auto body = [&self]() -> Promise<int> {
    co_await yield();
    self->cancel();
    Promise<int> promise = resolve(1);
    Promise<int> other = std::move(promise);
    co_return std::move(promise);
  };
  self = body();
  EXPECT_DEATH(run(), "resolve\\(\\) on a Promise that was moved from");
}

// asyncio 89
TEST_F(CoroutineDeathTest, ToAwaitAPromiseOfAnotherLoop) {
  const Promise<> promise = resolve();
  EXPECT_DEATH(
      {
        std::thread other([&promise] {
          EventLoop loop_of_this_thread;
          const auto body = [](const Promise<>& foreign) -> Promise<> { co_await foreign; };
          body(promise);
        });
        other.join();
      },
      "co_await\\(\\) on a promise whose event loop is another thread's");
}

// asyncio 147
TEST(CoroutineWithoutLoopDeathTest, EndsTheProgram) {
  const auto body = []() -> Promise<> { co_return; };
  EXPECT_DEATH(body(), "a promise is made on a thread that has no event loop");
}

}  // namespace
}  // namespace vow
