// A child process, made by fork, and its parent's loop. RELIABILITY 24.

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "test/support/descriptors.h"
#include "test/support/log.h"

namespace vow {
namespace {

class ForkTest : public testing::Test {
 protected:
  // The exit code of a child that does this; it should be 0.
  static int in_child(const std::function<bool()>& does) {
    const pid_t child = fork();
    if (child == 0) _exit(does() ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
  }

  // That everything of the loop works.
  void expect_alive() {
    EXPECT_EQ(loop->add_signal_handler(SIGUSR1, [&] { loop->remove_signal_handler(SIGUSR1); }), absl::OkStatus());
    EXPECT_EQ(loop->add_reader(pair.a, [&] { pair.read(), loop->remove_reader(pair.a); }), absl::OkStatus());
    loop->call_later(absl::Milliseconds(1), [&] { pair.write("x"), kill(getpid(), SIGUSR1); });
    EXPECT_EQ(loop->run(), absl::OkStatus());
  }

  SocketPair pair;
  std::optional<EventLoop> loop{std::in_place};
};

TEST_F(ForkTest, TheChildCannotRunItsParentsLoop) {
  EXPECT_EQ(in_child([&] {
              return loop->run().code() == absl::StatusCode::kFailedPrecondition &&
                     loop->poll().code() == absl::StatusCode::kFailedPrecondition &&
                     loop->run_forever().code() == absl::StatusCode::kFailedPrecondition;
            }),
            0);
  expect_alive();
}

TEST_F(ForkTest, OtherCallsOfTheChildEndItWithAMessage) {
  EXPECT_DEATH(
      {
        if (fork() == 0) loop->call_soon([] {});
        int status = 0;
        wait(&status);
        if (WIFSIGNALED(status)) abort();
      },
      "call_soon\\(\\) in a child process, which has no part in its parent's event loop");
  expect_alive();
}

TEST_F(ForkTest, TheChildMayMakeALoopOfItsOwn) {
  EXPECT_EQ(in_child([] {
              EventLoop own;
              bool ran = false;
              own.call_later(absl::Milliseconds(1), [&] { ran = true; });
              return own.run().ok() && ran;
            }),
            0);
  expect_alive();
}

TEST_F(ForkTest, WhatTheChildDestroysDoesNotDisturbTheParent) {
  Log log;
  EXPECT_EQ(loop->add_reader(pair.a, [&] { log.add(pair.read()), loop->remove_reader(pair.a); }), absl::OkStatus());
  loop->call_soon([at_end = log.at_end("soon")] {});
  EXPECT_EQ(in_child([&] {
              loop.reset();
              EventLoop own;
              return own.run().ok() && log.str() == "soon";
            }),
            0);
  pair.write("x");
  EXPECT_EQ(loop->run(), absl::OkStatus());
  EXPECT_EQ(log.str(), "soon x");
}

TEST_F(ForkTest, TheChildMayDestroyItsParentsLoopWhileItHasItsOwn) {
  EXPECT_EQ(in_child([&] {
              EventLoop own;
              loop.reset();
              own.call_soon([] {});
              return EventLoop::current_or_null() == &own && own.run().ok();
            }),
            0);
  expect_alive();
}

TEST_F(ForkTest, SignalsDoInTheChildWhatTheyDidBefore) {
  EXPECT_EQ(loop->add_signal_handler(SIGUSR1, [] { ADD_FAILURE(); }), absl::OkStatus());
  EXPECT_EQ(in_child([] {
              raise(SIGUSR1);
              return true;
            }),
            1000 + SIGUSR1);
  EXPECT_EQ(loop->poll(), absl::OkStatus());
  EXPECT_TRUE(loop->remove_signal_handler(SIGUSR1));
  expect_alive();
}

TEST_F(ForkTest, NoDescriptorOfTheLoopPassesThroughExec) {
  EXPECT_EQ(loop->add_signal_handler(SIGUSR1, [] {}), absl::OkStatus());
  const std::string command = "exit $(($(ls -1 /proc/self/fd | wc -l) - 4))";  // 0, 1, 2, and ls's own.
  EXPECT_EQ(in_child([&] {
              for (int fd = 3; fd < 256; ++fd) {
                // What the test's surroundings have left open is not the loop's.
                if (fd != pair.a && fd != pair.b && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) close(fd);
              }
              execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
              return false;
            }),
            0);
}

}  // namespace
}  // namespace vow
