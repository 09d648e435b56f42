// add_reader, add_writer, and the watches beneath: who is called when a descriptor is ready, and who is not.

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "loop/fd_watch.h"
#include "test/support/descriptors.h"
#include "test/support/log.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using absl::StatusCode;

class FdTest : public LoopTest {
 protected:
  void add_reader(int fd, std::string word) {
    EXPECT_EQ(loop.add_reader(fd, log.note(std::move(word))), absl::OkStatus());
  }
  void add_writer(int fd, std::string word) {
    EXPECT_EQ(loop.add_writer(fd, log.note(std::move(word))), absl::OkStatus());
  }
  // Reads, and logs what it got; removes itself at the end.
  void add_logging_reader(SocketPair& one) {
    auto read = [this, &one] {
      const std::string bytes = one.read();
      log.add(bytes.empty() ? "end" : bytes);
      if (bytes.empty()) loop.remove_reader(one.a);
    };
    EXPECT_EQ(loop.add_reader(one.a, read), absl::OkStatus());
  }

  SocketPair pair;
};

// asyncio 42
TEST_F(FdTest, AReaderIsCalledWhenThereIsDataAgainWhenThereIsMoreAndAtTheEnd) {
  add_logging_reader(pair);
  pair.write("one");
  poll();
  pair.write("two");
  poll();
  pair.close_b();
  run();
  EXPECT_EQ(log.str(), "one two end");
}

TEST_F(FdTest, AReaderIsCalledInEachTurnUntilAllIsRead) {
  EXPECT_EQ(loop.add_reader(pair.a, [&] { log.add(pair.read(2)); }), absl::OkStatus());
  pair.write("abcdef");
  for (int i = 0; i < 5; ++i) poll();
  EXPECT_EQ(log.str(), "ab cd ef");
}

TEST_F(FdTest, AReaderIsNotCalledWhileThereIsNothing) {
  add_reader(pair.a, "called");
  for (int i = 0; i < 3; ++i) poll();
  EXPECT_EQ(log.str(), "");
}

// asyncio 43
TEST_F(FdTest, AReaderThatFindsNothingIsCalledAgainLater) {
  EXPECT_EQ(loop.add_reader(pair.a, [&] { log.add(pair.read()); }), absl::OkStatus());
  pair.write("first");
  EXPECT_EQ(pair.read(), "first");
  poll();
  pair.write("second");
  poll();
  EXPECT_EQ(log.str(), "second");
}

// asyncio 44
TEST_F(FdTest, AWriterIsCalledWhenThereIsRoomUntilItIsRemoved) {
  pair.fill_a();
  add_writer(pair.a, "room");
  poll();
  EXPECT_EQ(log.str(), "");
  pair.drain_b();
  poll();
  poll();
  EXPECT_TRUE(loop.remove_writer(pair.a));
  poll();
  EXPECT_EQ(log.str(), "room room");
}

// asyncio 45
TEST_F(FdTest, ASecondReaderTakesThePlaceOfTheFirst) {
  ProbeCounts counts;
  EXPECT_EQ(loop.add_reader(pair.a, [probe = Probe(counts)] { ADD_FAILURE(); }), absl::OkStatus());
  add_reader(pair.a, "second");
  EXPECT_EQ(counts.live, 0);
  pair.write("x");
  poll();
  EXPECT_EQ(log.str(), "second");
}

// asyncio 46, 50
TEST_F(FdTest, ReaderAndWriterOfOneDescriptorAreEachCalledOnceTheReaderFirst) {
  add_writer(pair.a, "write");
  add_reader(pair.a, "read");
  pair.write("x");
  poll();
  EXPECT_EQ(log.str(), "read write");
}

// asyncio 47
TEST_F(FdTest, RemovingTheReaderLeavesTheWriter) {
  add_reader(pair.a, "read");
  add_writer(pair.a, "write");
  pair.write("x");
  EXPECT_TRUE(loop.remove_reader(pair.a));
  poll();
  EXPECT_EQ(log.str(), "write");
}

// asyncio 47
TEST_F(FdTest, RemovingTheWriterLeavesTheReader) {
  add_reader(pair.a, "read");
  add_writer(pair.a, "write");
  pair.write("x");
  EXPECT_TRUE(loop.remove_writer(pair.a));
  poll();
  EXPECT_EQ(log.str(), "read");
}

// asyncio 48
TEST_F(FdTest, ThereIsNothingToRemoveFromAnUnknownDescriptor) {
  EXPECT_FALSE(loop.remove_reader(pair.a));
  EXPECT_FALSE(loop.remove_writer(pair.a));
  EXPECT_FALSE(loop.remove_reader(-1));
  EXPECT_FALSE(loop.remove_reader(1 << 20));
}

TEST_F(FdTest, RemovingDestroysTheCallback) {
  ProbeCounts counts;
  EXPECT_EQ(loop.add_reader(pair.a, [probe = Probe(counts)] {}), absl::OkStatus());
  EXPECT_TRUE(loop.remove_reader(pair.a));
  EXPECT_EQ(counts.live, 0);
}

TEST_F(FdTest, ACallbackThatRemovesItselfLivesUntilItReturns) {
  ProbeCounts counts;
  const auto remove_self = [&](const Probe& probe) {
    EXPECT_TRUE(loop.remove_reader(pair.a));
    EXPECT_TRUE(probe.is_whole());
    EXPECT_EQ(counts.live, 1);
  };
  EXPECT_EQ(loop.add_reader(pair.a, [&, probe = Probe(counts)] { remove_self(probe); }), absl::OkStatus());
  pair.write("x");
  poll();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(FdTest, ACallbackMayPutAnotherInItsPlace) {
  EXPECT_EQ(loop.add_reader(pair.a, [&] { add_reader(pair.a, "another"); }), absl::OkStatus());
  pair.write("x");
  poll();
  EXPECT_EQ(log.str(), "");
  poll();
  EXPECT_EQ(log.str(), "another");
}

// asyncio 49
TEST_F(FdTest, WhoIsRemovedByAnotherOfTheSameTurnIsNotCalled) {
  SocketPair other;
  const auto remove_both = [&] {
    log.add("called");
    loop.remove_reader(pair.a);
    loop.remove_reader(other.a);
  };
  EXPECT_EQ(loop.add_reader(pair.a, remove_both), absl::OkStatus());
  EXPECT_EQ(loop.add_reader(other.a, remove_both), absl::OkStatus());
  pair.write("x");
  other.write("x");
  poll();
  poll();
  EXPECT_EQ(log.str(), "called");
}

// asyncio 49
TEST_F(FdTest, AReaderMayRemoveTheWriterThatIsReadyAsWell) {
  EXPECT_EQ(loop.add_reader(pair.a, [&] { loop.remove_writer(pair.a); }), absl::OkStatus());
  add_writer(pair.a, "write");
  pair.write("x");
  poll();
  EXPECT_EQ(log.str(), "");
}

// asyncio 51
TEST_F(FdTest, WhatIsNoDescriptorIsRefusedWhenItIsAdded) {
  EXPECT_EQ(loop.add_reader(-1, [] {}).code(), StatusCode::kInvalidArgument);
  const int closed = dup(pair.a);
  close(closed);
  EXPECT_EQ(loop.add_reader(closed, [] {}).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(loop.add_writer(closed, [] {}).code(), StatusCode::kFailedPrecondition);
}

TEST_F(FdTest, ARefusedCallbackIsDestroyedAndTheOneBeforeStays) {
  ProbeCounts counts;
  EXPECT_FALSE(loop.add_reader(-1, [probe = Probe(counts)] {}).ok());
  EXPECT_EQ(counts.live, 0);
}

TEST_F(FdTest, ARegularFileIsRefused) {
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  const absl::Status status = loop.add_reader(file, [] {});
  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied);
  EXPECT_NE(status.message().find("add_reader: fd " + std::to_string(file)), std::string::npos) << status;
  close(file);
}

// asyncio 53
TEST_F(FdTest, AReaderMayCloseItsDescriptorAfterItWasRemoved) {
  auto close_all = [&] {
    log.add("called");
    loop.remove_reader(pair.a);
    pair.close_a();
  };
  EXPECT_EQ(loop.add_reader(pair.a, close_all), absl::OkStatus());
  pair.write("x");
  run();
  EXPECT_EQ(log.str(), "called");
}

TEST_F(FdTest, MicrotasksRunAfterEachCallback) {
  SocketPair other;
  for (SocketPair* one : {&pair, &other}) {
    auto callback = [&, one] {
      loop.queue_microtask(log.note("microtask"));
      log.add("reader");
      loop.remove_reader(one->a);
    };
    EXPECT_EQ(loop.add_reader(one->a, callback), absl::OkStatus());
    one->write("x");
  }
  poll();
  EXPECT_EQ(log.str(), "reader microtask reader microtask");
}

// asyncio 13
TEST_F(FdTest, ATurnRunsTimersThenDescriptorsThenPostsThenSoon) {
  loop.call_soon(log.note("soon"));
  loop.post(log.note("post"));
  add_reader(pair.a, "reader");
  pair.write("x");
  loop.call_later(absl::ZeroDuration(), log.note("timer"));
  poll();
  EXPECT_EQ(log.str(), "timer reader post soon");
}

TEST_F(FdTest, ALoopWithAReaderWaitsForIt) {
  add_logging_reader(pair);
  EXPECT_FALSE(loop.is_stalled());
  pair.close_b();
  run();
  EXPECT_TRUE(loop.is_stalled());
  EXPECT_EQ(log.str(), "end");
}

TEST_F(FdTest, WhatIsThereAlreadyComesBeforeVirtualTimeGoesOn) {
  loop.call_later(absl::Hours(1), log.note("timer"));
  add_logging_reader(pair);
  pair.write("data");
  pair.close_b();
  run();
  EXPECT_EQ(log.str(), "data end timer");
}

// asyncio 36, 37
TEST_F(FdTest, AClosedLoopHasNothingToRemove) {
  add_reader(pair.a, "called");
  loop.close();
  EXPECT_FALSE(loop.remove_reader(pair.a));
  EXPECT_DEATH(loop.add_reader(pair.a, [] {}).IgnoreError(), "add_reader\\(\\) on a closed event loop");
}

TEST_F(FdTest, ClosingTheLoopDestroysCallbacks) {
  ProbeCounts counts;
  EXPECT_EQ(loop.add_reader(pair.a, [probe = Probe(counts)] {}), absl::OkStatus());
  EXPECT_EQ(loop.add_writer(pair.a, [probe = Probe(counts)] {}), absl::OkStatus());
  loop.close();
  EXPECT_EQ(counts.live, 0);
}

// asyncio 35
TEST(FdCountTest, ClosingTheLoopGivesBackItsDescriptors) {
  const int before = open_descriptors();
  for (const Clock clock : {Clock::kSystem, Clock::kVirtual}) {
    EventLoop loop(LoopOptions{.clock = clock});
    EXPECT_GT(open_descriptors(), before);
    loop.close();
    EXPECT_EQ(open_descriptors(), before);
  }
}

// asyncio 29
TEST_F(FdTest, AnEventInTheTurnThatStopsIsDeliveredOnce) {
  auto read_and_stop = [&] {
    log.add(pair.read());
    loop.stop();
  };
  EXPECT_EQ(loop.add_reader(pair.a, read_and_stop), absl::OkStatus());
  pair.write("x");
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
  loop.stop();
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
  EXPECT_EQ(log.str(), "x");
}

// RELIABILITY 14.
TEST_F(FdTest, OfAThousandThatRemoveEachOtherAtRandomEachIsCalledUnlessItWasRemoved) {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  const int count = limit.rlim_cur > 2100 ? 1000 : 300;
  std::vector<std::unique_ptr<SocketPair>> pairs;
  for (int i = 0; i < count; ++i) pairs.push_back(std::make_unique<SocketPair>());
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::minstd_rand random(seed);
    std::vector<bool> removed(count), called(count);
    for (int i = 0; i < count; ++i) {
      auto callback = [&, i] {
        EXPECT_FALSE(removed[i]);
        EXPECT_FALSE(called[i]);
        called[i] = true;
        pairs[i]->read();
        for (int k = 0; k < 2; ++k) {
          const int victim = static_cast<int>(random() % count);
          if (loop.remove_reader(pairs[victim]->a) && !called[victim]) removed[victim] = true;
        }
      };
      EXPECT_EQ(loop.add_reader(pairs[i]->a, callback), absl::OkStatus());
      pairs[i]->write("x");
    }
    for (int i = 0; i < 10; ++i) poll();
    for (int i = 0; i < count; ++i) {
      EXPECT_NE(called[i], removed[i]) << i;
      loop.remove_reader(pairs[i]->a);
      pairs[i]->read();
    }
  }
}

// Descriptors that are closed while they are watched. RELIABILITY 13.

TEST_F(FdTest, AnEventOfAClosedDescriptorDoesNotReachTheNextOneOfItsNumber) {
  SocketPair other;
  const int number = pair.a;
  add_reader(number, "old");
  // It comes first in the same turn, and hands the number over.
  auto replace = [&] {
    loop.remove_reader(other.a);
    pair.close_a();
    pair.a = fcntl(other.a, F_DUPFD_CLOEXEC, number);
    ASSERT_EQ(pair.a, number);
    add_reader(number, "new");
  };
  EXPECT_EQ(loop.add_reader(other.a, replace), absl::OkStatus());
  other.write("x");
  poll();
  EXPECT_EQ(log.str(), "");
  poll();
  EXPECT_EQ(log.str(), "new");
}

TEST_F(FdTest, TheCallbackOfAClosedDescriptorIsDestroyedWhenItsNumberIsAddedAgain) {
  ProbeCounts counts;
  SocketPair other;
  const int number = pair.a;
  EXPECT_EQ(loop.add_reader(number, [probe = Probe(counts)] { ADD_FAILURE(); }), absl::OkStatus());
  pair.close_a();
  pair.a = fcntl(other.a, F_DUPFD_CLOEXEC, number);
  ASSERT_EQ(pair.a, number);
  add_writer(number, "writer");
  EXPECT_EQ(counts.live, 0);
  other.write("x");
  poll();
  EXPECT_EQ(log.str(), "writer");
}

double cpu_seconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// The kernel goes on to report it, because another descriptor of the same file is open; and it cannot be taken out.
TEST(ClosedFdTest, OneThatWasDuplicatedAndClosedDoesNotKeepTheLoopBusy) {
  EventLoop loop;
  SocketPair pair, live;
  const int duplicate = dup(pair.a);
  EXPECT_EQ(loop.add_reader(pair.a, [] { ADD_FAILURE(); }), absl::OkStatus());
  int calls = 0;
  auto count = [&] {
    ++calls;
    live.read();
  };
  EXPECT_EQ(loop.add_reader(live.a, count), absl::OkStatus());
  const int number = pair.a;
  pair.close_a();
  EXPECT_TRUE(loop.remove_reader(number));
  pair.write("x");
  const double start = cpu_seconds();
  loop.call_later(absl::Milliseconds(50), [&] { live.write("x"); });
  loop.call_later(absl::Milliseconds(100), [&] { loop.stop(); });
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
  EXPECT_LT(cpu_seconds() - start, 0.02);
  EXPECT_EQ(calls, 1);  // The others are watched as before.
  close(duplicate);
}

// Watches that bring their own memory.

class LoggingWatch final : public FdWatch {
 public:
  LoggingWatch(Log& log, std::string name) : log_(log), name_(std::move(name)) {}

 private:
  void run() noexcept override {
    std::string what = name_;
    if ((ready & kReadable) != 0) what += "r";
    if ((ready & kWritable) != 0) what += "w";
    if ((ready & kEnded) != 0) what += "e";
    log_.add(what);
  }
  void drop() noexcept override { log_.add(name_ + "-dropped"); }
  Log& log_;
  const std::string name_;
};

class FdWatchTest : public FdTest {
 protected:
  LoggingWatch one{log, "1"};
  LoggingWatch two{log, "2"};
};

TEST_F(FdWatchTest, SeveralOfOneDescriptorRunInTheOrderOfAdding) {
  EXPECT_EQ(loop.watch(one, pair.a, FdWatch::kReadable), absl::OkStatus());
  EXPECT_EQ(loop.watch(two, pair.a, FdWatch::kReadable | FdWatch::kWritable), absl::OkStatus());
  pair.write("x");
  poll();
  EXPECT_EQ(log.str(), "1r 2rw");
  loop.unwatch(one);
  loop.unwatch(two);
}

TEST_F(FdWatchTest, OnEdgesIsToldOnceOfWhatIsNew) {
  EXPECT_EQ(loop.watch(one, pair.a, FdWatch::kReadable | FdWatch::kWritable | FdWatch::kEdge), absl::OkStatus());
  poll();
  poll();
  pair.write("x");
  poll();
  poll();
  pair.close_b();
  poll();
  poll();
  EXPECT_EQ(log.str(), "1w 1rw 1rwe");
  loop.unwatch(one);
}

// asyncio 52
TEST_F(FdWatchTest, OnEdgesIsTheOnlyOneOfItsDescriptor) {
  EXPECT_EQ(loop.watch(one, pair.a, FdWatch::kReadable | FdWatch::kEdge), absl::OkStatus());
  EXPECT_EQ(loop.add_reader(pair.a, [] {}).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(loop.watch(two, pair.a, FdWatch::kReadable | FdWatch::kEdge).code(), StatusCode::kFailedPrecondition);
  pair.write("x");
  poll();
  poll();
  EXPECT_EQ(log.str(), "1r");  // As before.
  loop.unwatch(one);
}

TEST_F(FdWatchTest, OnEdgesIsRefusedForADescriptorThatHasAReader) {
  add_reader(pair.a, "reader");
  EXPECT_EQ(loop.watch(one, pair.a, FdWatch::kReadable | FdWatch::kEdge).code(), StatusCode::kFailedPrecondition);
  pair.write("x");
  poll();
  poll();
  EXPECT_EQ(log.str(), "reader reader");
}

TEST_F(FdWatchTest, IsDroppedWhenTheLoopCloses) {
  EXPECT_EQ(loop.watch(one, pair.a, FdWatch::kReadable), absl::OkStatus());
  loop.close();
  EXPECT_EQ(log.str(), "1-dropped");
}

// Fairness. RELIABILITY 29.

TEST_F(FdTest, NobodyKeepsTheOthersFromTheirTurn) {
  int calls = 0, reads = 0, timers = 0, soons = 0, posts = 0;
  const auto count = [&](int& own) {
    ++own;
    if (++calls == 10'000) loop.stop();
  };
  std::function<void()> soon = [&] { count(soons), loop.call_soon(soon); };
  std::function<void()> post = [&] { count(posts), loop.post(post); };
  std::function<void()> timer = [&] { count(timers), loop.call_later(absl::ZeroDuration(), timer); };
  EXPECT_EQ(loop.add_reader(pair.a, [&] { count(reads); }), absl::OkStatus());
  pair.write("x");
  soon(), post(), timer();
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
  for (const int own : {reads, timers, soons, posts}) EXPECT_GE(own, 10) << reads << timers << soons << posts;
}

// asyncio 15
TEST(ShortSleepTest, CostsAHandfulOfTurns) {
  EventLoop loop;
  for (const absl::Duration delay : {absl::Milliseconds(10), absl::Milliseconds(1), absl::Microseconds(100),
                                     absl::Microseconds(10), absl::Microseconds(1), absl::Nanoseconds(1)}) {
    const double start = cpu_seconds();
    for (int i = 0; i < 10; ++i) {
      loop.call_later(delay, [] {});
      EXPECT_EQ(loop.run(), absl::OkStatus());
    }
    EXPECT_LT(cpu_seconds() - start, 0.01);
  }
}

}  // namespace
}  // namespace vow
