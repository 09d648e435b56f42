// signal, SignalStream, and what SIGINT does to vow::run.

#include "promise/signal.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/with_timeout.h"
#include "test/support/log.h"

namespace vow {
namespace {

using absl::StatusCode;

void send(int signo) { kill(getpid(), signo); }

class SignalTest : public testing::Test {
 protected:
  template <class T>
  auto outcome(Promise<T> promise) {
    return run_until_complete(loop, std::move(promise));
  }
  Log log;
  EventLoop loop;
};

TEST_F(SignalTest, IsFulfilledWhenTheSignalComes) {
  Promise<> promise = signal(SIGUSR1);
  loop.call_later(absl::Milliseconds(1), [] { send(SIGUSR1); });
  EXPECT_EQ(outcome(std::move(promise)), absl::OkStatus());
}

TEST_F(SignalTest, AllWhoWaitAreFulfilled) {
  signal(SIGUSR1).then(log.note("1"));
  signal(SIGUSR1).then(log.note("2"));
  send(SIGUSR1);
  EXPECT_EQ(loop.run(), absl::OkStatus());
  EXPECT_EQ(log.str(), "1 2");
}

TEST_F(SignalTest, WhatCannotBeHandledIsRejected) {
  EXPECT_EQ(outcome(signal(SIGKILL)).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(outcome(signal(0)).code(), StatusCode::kInvalidArgument);
}

TEST_F(SignalTest, CancelledItDoesAgainWhatItDidBefore) {
  Promise<> promise = with_timeout(signal(SIGUSR1), absl::Milliseconds(1));
  EXPECT_EQ(outcome(std::move(promise)).code(), StatusCode::kDeadlineExceeded);
  struct sigaction action = {};
  sigaction(SIGUSR1, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

TEST_F(SignalTest, AStreamKeepsWhatComesWhileNobodyAsks) {
  absl::StatusOr<SignalStream> signals = SignalStream::open({SIGUSR1, SIGUSR2});
  ASSERT_TRUE(signals.ok());
  send(SIGUSR2);
  EXPECT_EQ(loop.poll(), absl::OkStatus());
  send(SIGUSR1);
  EXPECT_EQ(loop.poll(), absl::OkStatus());
  EXPECT_EQ(*outcome(signals->next()), SIGUSR2);
  EXPECT_EQ(*outcome(signals->next()), SIGUSR1);
  Promise<std::optional<int>> third = signals->next();
  loop.call_later(absl::Milliseconds(1), [] { send(SIGUSR1); });
  EXPECT_EQ(*outcome(std::move(third)), SIGUSR1);
}

TEST_F(SignalTest, AStreamOfWhatCannotBeHandledIsRefusedAndNothingIsLeft) {
  EXPECT_EQ(SignalStream::open({SIGUSR1, SIGSTOP}).status().code(), StatusCode::kInvalidArgument);
  struct sigaction action = {};
  sigaction(SIGUSR1, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

TEST_F(SignalTest, DestroyingAStreamRejectsWhoWaits) {
  absl::StatusOr<SignalStream> signals = SignalStream::open({SIGUSR1});
  Promise<std::optional<int>> next = signals->next();
  { SignalStream gone = *std::move(signals); }
  EXPECT_EQ(outcome(std::move(next)).status().code(), StatusCode::kAborted);
}

TEST_F(SignalTest, AStreamMayOutliveItsLoop) {
  absl::StatusOr<SignalStream> signals = SignalStream::open({SIGUSR1});
  loop.close();
  EXPECT_TRUE(signals.ok());
}

// asyncio 40
TEST(RunInterruptTest, CancelsMain) {
  const auto main = [] {
    EventLoop::current().call_soon([] { send(SIGINT); });
    return sleep(absl::Hours(1));
  };
  EXPECT_EQ(run(main), absl::CancelledError("interrupted (SIGINT)"));
}

TEST(RunInterruptTest, LetsMainCleanUp) {
  Log log;
  const auto main = [&]() -> Promise<> {
    EventLoop::current().call_soon([] { send(SIGINT); });
    const absl::Status outcome = co_await sleep(absl::Hours(1)).settled();
    log.add(absl::IsCancelled(outcome) ? "cancelled" : "?");
    co_await sleep(absl::Milliseconds(1));
    log.add("cleaned up");
  };
  EXPECT_EQ(run(main).code(), StatusCode::kCancelled);
  EXPECT_EQ(log.str(), "cancelled cleaned up");
}

TEST(RunInterruptTest, AResultThatIsThereAlreadyWins) {
  const auto main = [] {
    send(SIGINT);
    return 5;
  };
  EXPECT_EQ(run(main).value(), 5);
}

TEST(RunInterruptTest, ASecondOneEndsTheProgram) {
  const pid_t child = fork();
  if (child == 0) {
    run([]() -> Promise<> {
      EventLoop::current().call_soon([] { send(SIGINT); });
      (co_await sleep(absl::Hours(1)).settled()).IgnoreError();
      EventLoop::current().call_soon([] { send(SIGINT); });
      co_await sleep(absl::Hours(1));
    }).IgnoreError();
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGINT);
}

TEST(RunInterruptTest, IsLeftAloneIfItIsIgnored) {
  std::signal(SIGINT, SIG_IGN);
  const auto main = [] {
    send(SIGINT);
    return sleep(absl::Milliseconds(1));
  };
  EXPECT_EQ(run(main), absl::OkStatus());
  std::signal(SIGINT, SIG_DFL);
}

TEST(RunInterruptTest, DoesAfterwardsWhatItDidBefore) {
  EXPECT_EQ(run([] {}), absl::OkStatus());
  struct sigaction action = {};
  sigaction(SIGINT, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

TEST(RunInterruptTest, WaitingForItDoesNotKeepAProgramFromGivingUp) {
  Deferred<>* kept = nullptr;
  const absl::Status status = run([&] {
    kept = new Deferred<>;
    return kept->promise();
  });
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  delete kept;
}

}  // namespace
}  // namespace vow
