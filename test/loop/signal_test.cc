// add_signal_handler, and the watches beneath.

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "loop/signal_watch.h"
#include "test/support/descriptors.h"
#include "test/support/log.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using absl::StatusCode;

void send(int signal) { kill(getpid(), signal); }

void (*handler_of(int signal))(int) {
  struct sigaction action = {};
  sigaction(signal, nullptr, &action);
  return action.sa_handler;
}

// Real time: signals come from outside.
class SignalTest : public testing::Test {
 protected:
  void run() { EXPECT_EQ(loop.run(), absl::OkStatus()); }
  void poll() { EXPECT_EQ(loop.poll(), absl::OkStatus()); }
  // A turn that may wait.
  void run_once() {
    loop.call_later(absl::Microseconds(100), [&] { loop.stop(); });
    EXPECT_EQ(loop.run_forever(), absl::OkStatus());
  }
  void add(int signal, std::string word) {
    EXPECT_EQ(loop.add_signal_handler(signal, log.note(std::move(word))), absl::OkStatus());
  }

  Log log;
  EventLoop loop;
};

// asyncio 66
TEST_F(SignalTest, AHandlerRunsInTheLoopOnceForEachSignal) {
  add(SIGUSR1, "called");
  send(SIGUSR1);
  EXPECT_EQ(log.str(), "");
  poll();
  poll();
  EXPECT_EQ(log.str(), "called");
  send(SIGUSR1);
  poll();
  EXPECT_EQ(log.str(), "called called");
}

// asyncio 67
TEST_F(SignalTest, WakesALoopThatSleeps) {
  auto stop = [&] {
    log.add("called");
    loop.stop();
  };
  EXPECT_EQ(loop.add_signal_handler(SIGALRM, stop), absl::OkStatus());
  const itimerval soon = {.it_interval = {}, .it_value = {.tv_sec = 0, .tv_usec = 5000}};
  setitimer(ITIMER_REAL, &soon, nullptr);
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
  EXPECT_EQ(log.str(), "called");
}

TEST_F(SignalTest, ALoopWithAHandlerWaitsForIt) {
  EXPECT_EQ(loop.add_signal_handler(SIGUSR1, [&] { loop.remove_signal_handler(SIGUSR1); }), absl::OkStatus());
  EXPECT_FALSE(loop.is_stalled());
  loop.call_soon([] { send(SIGUSR1); });
  run();
  EXPECT_TRUE(loop.is_stalled());
}

// asyncio 68
TEST_F(SignalTest, ASecondHandlerTakesThePlaceOfTheFirst) {
  ProbeCounts counts;
  EXPECT_EQ(loop.add_signal_handler(SIGUSR1, [probe = Probe(counts)] { ADD_FAILURE(); }), absl::OkStatus());
  add(SIGUSR1, "second");
  EXPECT_EQ(counts.live, 0);
  send(SIGUSR1);
  poll();
  EXPECT_EQ(log.str(), "second");
}

// asyncio 68
TEST_F(SignalTest, RemovingSetsAgainWhatWasBefore) {
  struct sigaction before = {};
  before.sa_handler = SIG_IGN;
  struct sigaction original = {};
  sigaction(SIGUSR2, &before, &original);
  add(SIGUSR2, "called");
  EXPECT_NE(handler_of(SIGUSR2), SIG_IGN);
  EXPECT_TRUE(loop.remove_signal_handler(SIGUSR2));
  EXPECT_EQ(handler_of(SIGUSR2), SIG_IGN);
  sigaction(SIGUSR2, &original, nullptr);
}

// asyncio 69
TEST_F(SignalTest, RemovingTheLastHandlerGivesBackTheDescriptor) {
  const int before = open_descriptors();
  add(SIGUSR1, "1");
  add(SIGUSR2, "2");
  EXPECT_EQ(open_descriptors(), before + 1);
  loop.remove_signal_handler(SIGUSR1);
  loop.remove_signal_handler(SIGUSR2);
  EXPECT_EQ(open_descriptors(), before);
}

// asyncio 70
TEST_F(SignalTest, ThereIsNothingToRemoveWhereNothingWasAdded) {
  EXPECT_FALSE(loop.remove_signal_handler(SIGUSR1));
  EXPECT_FALSE(loop.remove_signal_handler(-1));
  EXPECT_FALSE(loop.remove_signal_handler(SIGKILL));
}

// asyncio 71
TEST_F(SignalTest, OthersAreNotTouched) {
  add(SIGUSR1, "called");
  EXPECT_EQ(handler_of(SIGUSR2), SIG_DFL);
  EXPECT_EQ(handler_of(SIGCHLD), SIG_DFL);
}

// asyncio 72
TEST_F(SignalTest, AHandlerThatIsRemovedBetweenDeliveryAndItsTurnDoesNotRun) {
  add(SIGUSR1, "called");
  send(SIGUSR1);
  EXPECT_TRUE(loop.remove_signal_handler(SIGUSR1));
  poll();
  EXPECT_EQ(log.str(), "");
}

TEST_F(SignalTest, AHandlerThatIsRemovedByAnotherOfTheSameTurnDoesNotRun) {
  EXPECT_EQ(loop.add_signal_handler(SIGUSR1, [&] { loop.remove_signal_handler(SIGUSR2); }), absl::OkStatus());
  add(SIGUSR2, "called");
  send(SIGUSR2);
  send(SIGUSR1);
  poll();
  EXPECT_EQ(log.str(), "");
}

// asyncio 73
TEST_F(SignalTest, WhatCannotBeHandledIsRefusedWithTheReason) {
  const int before = open_descriptors();
  EXPECT_EQ(loop.add_signal_handler(SIGKILL, [] {}),
            absl::InvalidArgumentError("add_signal_handler: SIGKILL cannot be handled"));
  EXPECT_EQ(loop.add_signal_handler(SIGSTOP, [] {}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(loop.add_signal_handler(SIGSEGV, [] {}).code(), StatusCode::kInvalidArgument);
  for (const int number : {-1, 0, 32, 65, 1000})
    EXPECT_EQ(loop.add_signal_handler(number, [] {}).code(), StatusCode::kInvalidArgument) << number;
  EXPECT_EQ(open_descriptors(), before);
}

// asyncio 73. RELIABILITY 19.
TEST_F(SignalTest, WithoutDescriptorsAHandlerIsRefusedAndNothingIsLeftInstalled) {
  // UBSan needs descriptors when it sees a type for the first time.
  const auto callback = [] {};
  EXPECT_EQ(loop.add_signal_handler(SIGUSR1, callback), absl::OkStatus());
  loop.remove_signal_handler(SIGUSR1);
  rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  const int next = dup(0);
  close(next);
  const rlimit none = {.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const absl::Status status = loop.add_signal_handler(SIGUSR1, callback);
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(handler_of(SIGUSR1), SIG_DFL);
  add(SIGUSR1, "called");
  send(SIGUSR1);
  poll();
  EXPECT_EQ(log.str(), "called");
}

// asyncio 74
TEST(SignalCloseTest, ClosingTheLoopRemovesItsHandlers) {
  ProbeCounts counts;
  EventLoop loop;
  EXPECT_EQ(loop.add_signal_handler(SIGUSR1, [probe = Probe(counts)] {}), absl::OkStatus());
  send(SIGUSR1);
  loop.close();
  EXPECT_EQ(counts.live, 0);
  EXPECT_EQ(handler_of(SIGUSR1), SIG_DFL);
  EXPECT_FALSE(loop.remove_signal_handler(SIGUSR1));
}

TEST_F(SignalTest, ASignalBelongsToOneLoop) {
  add(SIGUSR1, "called");
  std::thread([] {
    EventLoop other;
    EXPECT_EQ(other.add_signal_handler(SIGUSR1, [] {}).code(), StatusCode::kFailedPrecondition);
    EXPECT_EQ(other.add_signal_handler(SIGUSR2, [] {}), absl::OkStatus());
  }).join();
  send(SIGUSR1);
  poll();
  EXPECT_EQ(log.str(), "called");
}

TEST_F(SignalTest, ComesFromWhateverThreadTheKernelPicks) {
  EXPECT_EQ(loop.add_signal_handler(SIGUSR1, [&] { loop.remove_signal_handler(SIGUSR1); }), absl::OkStatus());
  std::thread other([] { pthread_kill(pthread_self(), SIGUSR1); });
  run();
  other.join();
}

TEST_F(SignalTest, RealTimeSignalsRunAsOftenAsTheyWereSent) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer keeps signals back, each only once";
#endif
  int calls = 0;
  const int signal = SIGRTMIN + 3;
  EXPECT_EQ(loop.add_signal_handler(signal, [&] { ++calls; }), absl::OkStatus());
  int sent = 0;
  for (int i = 0; i < 1000; ++i) sent += sigqueue(getpid(), signal, {}) == 0 ? 1 : 0;
  for (int i = 0; i <= sent / 64; ++i) poll();
  EXPECT_EQ(calls, sent);
}

TEST_F(SignalTest, AStormLeavesTheOthersTheirTurn) {
  int handled = 0, handled_before = -1;
  EXPECT_EQ(loop.add_signal_handler(SIGUSR1,
                                    [&] {
                                      if (++handled == 1) loop.call_soon([&] { handled_before = handled; });
                                      if (handled == 1000) loop.stop();
                                    }),
            absl::OkStatus());
  for (int i = 0; i < 1000; ++i) raise(SIGUSR1);
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
  EXPECT_GT(handled_before, 0);
  EXPECT_LE(handled_before, 128);
  EXPECT_EQ(handled, 1000);
}

TEST_F(SignalTest, SavesErrno) {
  add(SIGUSR1, "called");
  errno = 77;
  send(SIGUSR1);
  EXPECT_EQ(errno, 77);
}

TEST_F(SignalTest, ComeAfterDescriptorsAndBeforePosts) {
  SocketPair pair;
  auto read = [&] {
    log.add("reader");
    loop.remove_reader(pair.a);
  };
  add(SIGUSR1, "signal");
  EXPECT_EQ(loop.add_reader(pair.a, read), absl::OkStatus());
  loop.post(log.note("post"));
  pair.write("x");
  send(SIGUSR1);
  poll();
  EXPECT_EQ(log.str(), "reader signal post");
}

// A watch that a loop does not stay alive for.
class BackgroundWatch final : public SignalWatch {
 public:
  explicit BackgroundWatch(Log& log) : SignalWatch(Kind::kBackground), log_(log) {}

 private:
  void run() noexcept override { log_.add("background"); }
  void drop() noexcept override { log_.add("dropped"); }
  Log& log_;
};

TEST_F(SignalTest, ABackgroundWatchDoesNotKeepTheLoopWaiting) {
  BackgroundWatch watch(log);
  EXPECT_EQ(loop.watch(watch, SIGUSR1), absl::OkStatus());
  EXPECT_TRUE(loop.is_stalled());
  run();
  loop.call_later(absl::Milliseconds(5), [] {});
  send(SIGUSR1);
  run();
  loop.close();
  EXPECT_EQ(log.str(), "background dropped");
}

TEST_F(SignalTest, AllWatchesOfASignalRun) {
  BackgroundWatch watch(log);
  EXPECT_EQ(loop.watch(watch, SIGUSR1), absl::OkStatus());
  add(SIGUSR1, "handler");
  send(SIGUSR1);
  poll();
  EXPECT_EQ(log.str(), "background handler");
  loop.unwatch(watch);
}

// RELIABILITY 21.
TEST_F(SignalTest, AStormFromOutsideLosesNothingThatIsLast) {
  const pid_t target = getpid();
  int handled = 0, turns = 0;
  bool is_over = false;
  const auto add_handler = [&] { EXPECT_EQ(loop.add_signal_handler(SIGUSR1, [&] { ++handled; }), absl::OkStatus()); };
  EXPECT_EQ(loop.add_signal_handler(SIGUSR2, [&] { is_over = true; }), absl::OkStatus());
  EXPECT_EQ(loop.add_signal_handler(SIGHUP, [&] { ++handled; }), absl::OkStatus());
  signal(SIGUSR1, SIG_IGN);  // What it is set to when it is not handled: by default it would end the program.
  add_handler();
  const pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 20'000; ++i) kill(target, i % 3 == 0 ? SIGHUP : SIGUSR1);
    kill(target, SIGUSR2);
    _exit(0);
  }
  while (!is_over) {
    run_once();
    if (++turns % 10 != 0) continue;
    loop.remove_signal_handler(SIGUSR1);
    add_handler();
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_GT(handled, 0);
  loop.remove_signal_handler(SIGUSR1);
  signal(SIGUSR1, SIG_DFL);
}

}  // namespace
}  // namespace vow
