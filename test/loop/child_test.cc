// call_on_exit: the end of child processes.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "test/support/descriptors.h"
#include "test/support/log.h"
#include "test/support/probe.h"

namespace vow {
namespace {

class ChildTest : public testing::Test {
 protected:
  void run() { EXPECT_EQ(loop.run(), absl::OkStatus()); }

  // A child that ends with the code.
  static pid_t start(int code) {
    const pid_t child = fork();
    if (child == 0) _exit(code);
    return child;
  }
  // One that waits for a signal.
  static pid_t start_waiting() {
    const pid_t child = fork();
    if (child == 0) {
      while (true) pause();
    }
    return child;
  }
  // Until it has ended; it is still to be waited for.
  static void await_end(pid_t child) {
    siginfo_t info;
    waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  }
  auto log_code() {
    return [this](absl::StatusOr<int> status) {
      log.add(status.ok() ? std::to_string(WEXITSTATUS(*status)) : std::string(status.status().message()));
    };
  }

  Log log;
  EventLoop loop;
};

TEST_F(ChildTest, TheCallbackGetsTheStatus) {
  EXPECT_TRUE(loop.call_on_exit(start(7), log_code()).ok());
  run();
  EXPECT_EQ(log.str(), "7");
}

TEST_F(ChildTest, TheCallbackGetsTheSignal) {
  const pid_t child = start_waiting();
  int signal = 0;
  EXPECT_TRUE(loop.call_on_exit(child, [&](absl::StatusOr<int> status) { signal = WTERMSIG(*status); }).ok());
  kill(child, SIGTERM);
  run();
  EXPECT_EQ(signal, SIGTERM);
}

// asyncio 76. RELIABILITY 23.
TEST_F(ChildTest, ManyThatEndAtOnceAreAllReported) {
  constexpr int kCount = 100;
  const int before = open_descriptors();
  std::vector<pid_t> children;
  std::vector<int> reports(kCount);
  for (int i = 0; i < kCount; ++i) {
    children.push_back(start_waiting());
    auto report = [&reports, i](absl::StatusOr<int> status) { reports[i] += status.ok() ? 1 : 100; };
    EXPECT_TRUE(loop.call_on_exit(children.back(), report).ok());
  }
  for (const pid_t child : children) kill(child, SIGKILL);
  run();
  EXPECT_EQ(reports, std::vector<int>(kCount, 1));
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);  // No zombies.
}

// asyncio 77
TEST_F(ChildTest, OneThatEndedBeforeItIsWatchedIsReported) {
  const pid_t child = start(3);
  await_end(child);
  EXPECT_TRUE(loop.call_on_exit(child, log_code()).ok());
  run();
  EXPECT_EQ(log.str(), "3");
}

// asyncio 78
TEST_F(ChildTest, OneThatSomebodyElseHasWaitedForIsReportedAsLost) {
  const pid_t child = start_waiting();
  absl::Status status;
  EXPECT_TRUE(loop.call_on_exit(child, [&](absl::StatusOr<int> outcome) { status = outcome.status(); }).ok());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  run();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
}

TEST_F(ChildTest, WhatIsNoChildIsRefused) {
  ProbeCounts counts;
  for (const pid_t pid : {getpid(), pid_t{1}, pid_t{0}, pid_t{-1}}) {
    auto handle = loop.call_on_exit(pid, [probe = Probe(counts)](absl::StatusOr<int>) {});
    EXPECT_EQ(handle.status().code(), absl::StatusCode::kNotFound) << pid;
  }
  EXPECT_EQ(counts.live, 0);
}

TEST_F(ChildTest, ACancelledCallbackIsDestroyedAndTheChildIsLeft) {
  ProbeCounts counts;
  const int before = open_descriptors();
  const pid_t child = start(0);
  absl::StatusOr<Handle> handle = loop.call_on_exit(child, [probe = Probe(counts)](absl::StatusOr<int>) {});
  ASSERT_TRUE(handle.ok());
  EXPECT_TRUE(handle->is_waiting());
  EXPECT_TRUE(handle->cancel());
  EXPECT_FALSE(handle->cancel());
  EXPECT_EQ(counts.live, 0);
  EXPECT_EQ(open_descriptors(), before);
  run();
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
}

TEST_F(ChildTest, ClosingTheLoopDestroysTheCallback) {
  ProbeCounts counts;
  const pid_t child = start_waiting();
  const int before = open_descriptors();
  absl::StatusOr<Handle> handle = loop.call_on_exit(child, [probe = Probe(counts)](absl::StatusOr<int>) {});
  loop.close();
  EXPECT_EQ(counts.live, 0);
  EXPECT_LT(open_descriptors(), before);
  EXPECT_FALSE(handle->is_waiting());
  kill(child, SIGKILL);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
}

}  // namespace
}  // namespace vow
