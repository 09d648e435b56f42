// Process.

#include "promise/process.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/when_all.h"
#include "promise/with_timeout.h"
#include "test/support/descriptors.h"

namespace vow {
namespace {

using absl::StatusCode;

class ProcessTest : public testing::Test {
 protected:
  template <class T>
  auto outcome(Promise<T> promise) {
    return run_until_complete(loop, std::move(promise));
  }
  static Process start(std::vector<std::string> argv, Process::Options options = {}) {
    absl::StatusOr<Process> process = Process::start(std::move(argv), options);
    EXPECT_TRUE(process.ok()) << process.status();
    return *std::move(process);
  }
  // All that a shell prints.
  std::string output_of(const std::string& script, Process::Options options = {}) {
    options.out = Process::kPipe;
    Process shell = start({"sh", "-c", script}, options);
    std::string output = *outcome(shell.out().read_all());
    EXPECT_TRUE(outcome(shell.exit())->ok());
    return output;
  }

  EventLoop loop;
};

TEST_F(ProcessTest, GivesTheExitCode) {
  EXPECT_TRUE(outcome(start({"true"}).exit())->ok());
  Process process = start({"sh", "-c", "exit 3"});
  const ExitStatus status = *outcome(process.exit());
  EXPECT_EQ(status.code, 3);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.to_string(), "exit code 3");
  EXPECT_EQ(outcome(process.exit())->code, 3);  // Again.
}

TEST_F(ProcessTest, GivesTheSignalThatKilledIt) {
  Process process = start({"sleep", "1000"});
  EXPECT_EQ(process.kill(), absl::OkStatus());
  const ExitStatus status = *outcome(process.exit());
  EXPECT_EQ(status.signal, SIGTERM);
  EXPECT_EQ(status.to_string(), "killed by SIGTERM");
  EXPECT_EQ(process.kill().code(), StatusCode::kNotFound);
}

TEST_F(ProcessTest, APipeLeadsInAndOut) {
  Process cat = start({"cat"}, {.in = Process::kPipe, .out = Process::kPipe});
  EXPECT_FALSE(cat.err().is_open());
  const std::string bytes(1 << 20, 'x');
  Promise<std::string> back = cat.out().read_all();
  EXPECT_EQ(outcome(cat.in().write(bytes)), absl::OkStatus());
  EXPECT_EQ(outcome(cat.in().shutdown()), absl::OkStatus());
  EXPECT_TRUE(*outcome(std::move(back)) == bytes);
  EXPECT_TRUE(outcome(cat.exit())->ok());
}

TEST_F(ProcessTest, ErrorsComeByAPipeOfTheirOwnOrWithTheOutput) {
  const std::string script = "echo out; echo err >&2";
  Process apart = start({"sh", "-c", script}, {.out = Process::kPipe, .err = Process::kPipe});
  EXPECT_EQ(*outcome(apart.out().read_all()), "out\n");
  EXPECT_EQ(*outcome(apart.err().read_all()), "err\n");
  EXPECT_EQ(output_of(script, {.err = Process::kSameAsOut}), "out\nerr\n");
  EXPECT_EQ(output_of(script, {.err = Process::kNull}), "out\n");
}

TEST_F(ProcessTest, NullIsAnEmptyInput) { EXPECT_EQ(output_of("cat; echo end", {.in = Process::kNull}), "end\n"); }

TEST_F(ProcessTest, HasTheEnvironmentAndTheDirectoryItIsGiven) {
  Process::Options options;
  options.environment = std::vector<std::string>{"NAME=value", "PATH=/usr/bin:/bin"};
  options.directory = "/proc";
  EXPECT_EQ(output_of("echo $NAME $HOME; pwd", options), "value\n/proc\n");
  setenv("VOW_TEST", "ours", 1);
  EXPECT_EQ(output_of("echo $VOW_TEST"), "ours\n");
}

TEST_F(ProcessTest, ArgumentsAreNotSplitOrExpanded) {
  Process echo = start({"printf", "%s|", "a b", "$HOME", "*", ""}, {.out = Process::kPipe});
  EXPECT_EQ(*outcome(echo.out().read_all()), "a b|$HOME|*||");
}

TEST_F(ProcessTest, WhatCannotBeStartedIsAnErrorAndLeavesNothing) {
  const int before = open_descriptors();
  const Process::Options pipes = {.in = Process::kPipe, .out = Process::kPipe, .err = Process::kPipe};
  const absl::Status status = Process::start({"no-such-program"}, pipes).status();
  EXPECT_EQ(status, absl::ErrnoToStatus(ENOENT, "start no-such-program"));
  EXPECT_EQ(Process::start({"/proc"}, pipes).status().code(), StatusCode::kPermissionDenied);
  Process::Options nowhere = pipes;
  nowhere.directory = "/no/such/directory";
  EXPECT_EQ(Process::start({"true"}, nowhere).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Process::start({}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Process::start({"true"}, {.out = Process::kSameAsOut}).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(ProcessTest, InheritsNoDescriptors) {
  const int leaked = dup(0);                                // Without close-on-exec.
  EXPECT_EQ(output_of("ls /proc/self/fd | wc -l"), "4\n");  // 0, 1, 2, and ls's own.
  close(leaked);
}

TEST_F(ProcessTest, HasNoBlockedSignalsAndIsEndedBySigpipe) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  Process process = start({"sleep", "1000"});
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(process.kill(SIGTERM), absl::OkStatus());
  EXPECT_EQ(outcome(process.exit())->signal, SIGTERM);
  std::signal(SIGPIPE, SIG_IGN);
  Process yes = start({"yes"}, {.out = Process::kPipe});
  std::signal(SIGPIPE, SIG_DFL);
  yes.out().close();
  EXPECT_EQ(outcome(yes.exit())->signal, SIGPIPE);
}

TEST_F(ProcessTest, ToCancelTheExitIsToStopWaiting) {
  Process process = start({"sleep", "1000"});
  EXPECT_EQ(outcome(with_timeout(process.exit(), absl::Milliseconds(1))).status().code(),
            StatusCode::kDeadlineExceeded);
  EXPECT_EQ(::kill(process.pid(), 0), 0);
  EXPECT_EQ(process.kill(SIGKILL), absl::OkStatus());
  EXPECT_EQ(outcome(process.exit())->signal, SIGKILL);
}

TEST_F(ProcessTest, DestroyedItKillsTheProgramAndLeavesNoZombie) {
  const int before = open_descriptors();
  { Process process = start({"sleep", "1000"}, {.in = Process::kPipe, .out = Process::kPipe}); }
  EXPECT_EQ(loop.run(), absl::OkStatus());
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(ProcessTest, ALoopThatClosesLeavesNoZombie) {
  absl::StatusOr<Process> process = Process::start({"sleep", "1000"});
  loop.close();
  process = absl::UnknownError("gone");
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(ProcessTest, SomebodyElseMayTakeItsStatus) {
  Process process = start({"true"});
  EXPECT_EQ(waitpid(process.pid(), nullptr, 0), process.pid());
  EXPECT_EQ(outcome(process.exit()).status().code(), StatusCode::kNotFound);
}

// RELIABILITY 23.
TEST_F(ProcessTest, ManyAtOnce) {
  const int before = open_descriptors();
  {
    std::vector<Process> processes;
    std::vector<Promise<ExitStatus>> exits;
    for (int i = 0; i < 50; ++i) {
      processes.push_back(start({"sh", "-c", "exit " + std::to_string(i)}));
      exits.push_back(processes.back().exit());
    }
    const std::vector<ExitStatus> statuses = *outcome(when_all(exits));
    for (int i = 0; i < 50; ++i) EXPECT_EQ(statuses[i].code, i);
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace vow
