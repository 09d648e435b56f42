// Stream: reads, writes, their ends, and what goes wrong. With socket pairs, pipes and files.

#include "promise/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "promise/with_timeout.h"
#include "test/support/descriptors.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using absl::StatusCode;

class StreamTest : public LoopTest {
 protected:
  // A stream of one end; the other one, pair.b, is the test's.
  Stream stream_of(SocketPair& ends) {
    absl::StatusOr<Stream> made = Stream::adopt(std::exchange(ends.a, -1), "peer");
    EXPECT_TRUE(made.ok()) << made.status();
    return *std::move(made);
  }
  // What a promise comes to.
  template <class T>
  auto outcome(Promise<T> promise) {
    return run_until_complete(loop, std::move(promise));
  }

  SocketPair pair;
  Stream stream = stream_of(pair);
};

// Reading.

TEST_F(StreamTest, ReadSomeGivesWhatThereIsAtOnce) {
  pair.write("hello");
  const Promise<std::string> read = stream.read_some();
  ASSERT_TRUE(read.is_fulfilled());
  EXPECT_EQ(read.value(), "hello");
}

TEST_F(StreamTest, ReadSomeGivesNoMoreThanAskedFor) {
  pair.write("hello");
  EXPECT_EQ(*outcome(stream.read_some(2)), "he");
  EXPECT_EQ(*outcome(stream.read_some(100)), "llo");
}

TEST_F(StreamTest, ReadSomeWaits) {
  Promise<std::string> read = stream.read_some();
  EXPECT_TRUE(read.is_pending());
  loop.call_soon([&] { pair.write("later"); });
  EXPECT_EQ(*outcome(std::move(read)), "later");
}

TEST_F(StreamTest, ReadSomeGivesNothingAtTheEnd) {
  pair.write("last");
  pair.close_b();
  EXPECT_EQ(*outcome(stream.read_some()), "last");
  EXPECT_EQ(*outcome(stream.read_some()), "");
  EXPECT_EQ(*outcome(stream.read_some()), "");
}

// The end may come with the data, in one event, or after it.
TEST_F(StreamTest, AnEndThatComesWhileSomebodyWaitsIsSeen) {
  for (const bool together : {true, false}) {
    SocketPair other;
    Stream one = stream_of(other);
    Promise<std::string> data = one.read_some();
    loop.call_soon([&] {
      other.write("data");
      if (together) other.close_b();
    });
    EXPECT_EQ(*outcome(std::move(data)), "data");
    Promise<std::string> end = one.read_some();
    loop.call_soon([&] { other.close_b(); });
    EXPECT_EQ(*outcome(std::move(end)), "");
  }
}

TEST_F(StreamTest, ReadSomeIntoMemory) {
  char memory[8] = {};
  pair.write("hello");
  EXPECT_EQ(*outcome(stream.read_some(absl::MakeSpan(memory, 3))), 3u);
  EXPECT_EQ(std::string(memory, 3), "hel");
  EXPECT_EQ(*outcome(stream.read_some(absl::MakeSpan(memory))), 2u);
  pair.close_b();
  EXPECT_EQ(*outcome(stream.read_some(absl::MakeSpan(memory))), 0u);
  EXPECT_EQ(outcome(stream.read_some(absl::Span<char>())).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(StreamTest, ReadExactlyPutsPiecesTogether) {
  Promise<std::string> read = stream.read_exactly(6);
  for (const char* piece : {"ab", "cd", "efgh"}) {
    loop.call_soon([&, piece] { pair.write(piece); });
  }
  EXPECT_EQ(*outcome(std::move(read)), "abcdef");
  EXPECT_EQ(*outcome(stream.read_some()), "gh");
}

TEST_F(StreamTest, ReadExactlyOfNothingIsNothing) { EXPECT_EQ(*outcome(stream.read_exactly(0)), ""); }

TEST_F(StreamTest, AnEndBeforeEnoughIsOutOfRangeAndLeavesWhatThereWas) {
  pair.write("abc");
  pair.close_b();
  const absl::Status status = outcome(stream.read_exactly(10)).status();
  EXPECT_EQ(status, absl::OutOfRangeError("the end came before 10 bytes, after 3 bytes"));
  EXPECT_EQ(*outcome(stream.read_some()), "abc");
}

TEST_F(StreamTest, ReadUntilGivesEverythingWithTheDelimiter) {
  pair.write("one\r\n\r\ntwo\r\n\r");
  EXPECT_EQ(*outcome(stream.read_until("\r\n\r\n")), "one\r\n\r\n");
  Promise<std::string> second = stream.read_until("\r\n\r\n");
  loop.call_soon([&] { pair.write("\nthree"); });
  EXPECT_EQ(*outcome(std::move(second)), "two\r\n\r\n");
  EXPECT_EQ(*outcome(stream.read_some()), "three");
}

TEST_F(StreamTest, ReadUntilGivesUpAtItsLimitAndLeavesWhatThereWas) {
  pair.write("abcdef");
  EXPECT_EQ(outcome(stream.read_until("\n", 5)).status(), absl::ResourceExhaustedError("no delimiter within 5 bytes"));
  EXPECT_EQ(*outcome(stream.read_some()), "abcdef");
}

TEST_F(StreamTest, ADelimiterThatEndsAtTheLimitIsFound) {
  pair.write("abcd\nef");
  EXPECT_EQ(*outcome(stream.read_until("\n", 5)), "abcd\n");
}

TEST_F(StreamTest, ReadUntilNothingIsInvalid) {
  EXPECT_EQ(outcome(stream.read_until("")).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(StreamTest, ReadLineGivesLineAfterLineWithoutTheirEndsAndNothingAtLast) {
  pair.write("one\ntwo\r\n\nlast");
  pair.close_b();
  std::vector<std::string> lines;
  auto read_all = [&]() -> Promise<> {
    while (std::optional<std::string> line = co_await stream.read_line()) lines.push_back(*line);
  };
  EXPECT_EQ(outcome(read_all()), absl::OkStatus());
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "", "last"}));
}

TEST_F(StreamTest, ReadAllGivesEverythingUpToTheEnd) {
  Promise<std::string> all = stream.read_all();
  loop.call_soon([&] { pair.write("one"); });
  loop.call_later(absl::Seconds(1), [&] {
    pair.write("two");
    pair.close_b();
  });
  EXPECT_EQ(*outcome(std::move(all)), "onetwo");
}

TEST_F(StreamTest, ReadAllGivesUpAtItsLimit) {
  pair.write("abcdef");
  EXPECT_EQ(outcome(stream.read_all(5)).status().code(), StatusCode::kResourceExhausted);
}

TEST_F(StreamTest, ASecondReadWhileOneIsPendingIsRejected) {
  Promise<std::string> first = stream.read_some();
  EXPECT_EQ(outcome(stream.read_some()).status(), absl::FailedPreconditionError("peer: a read is under way already"));
  pair.write("x");
  EXPECT_EQ(*outcome(std::move(first)), "x");
}

// asyncio 55
TEST_F(StreamTest, ACancelledReadEndsAtOnceAndTakesNothing) {
  Promise<std::string> read = stream.read_some();
  EXPECT_TRUE(read.cancel());
  EXPECT_EQ(outcome(std::move(read)).status().code(), StatusCode::kCancelled);
  pair.write("hello");
  EXPECT_EQ(*outcome(stream.read_some()), "hello");
}

TEST_F(StreamTest, AReadThatTimesOutTakesNothing) {
  pair.write("abc");
  Promise<std::string> late = with_timeout(stream.read_exactly(5), absl::Seconds(1));
  EXPECT_EQ(outcome(std::move(late)).status().code(), StatusCode::kDeadlineExceeded);
  pair.write("de");
  EXPECT_EQ(*outcome(stream.read_exactly(5)), "abcde");
}

// RELIABILITY 18. Somebody else has the same socket, and is faster.
TEST_F(StreamTest, AReadThatFindsNothingWhereSomethingWasReportedGoesOnWaiting) {
  const int other = dup(stream.fd());
  Promise<std::string> read = stream.read_some();
  poll();
  pair.write("stolen");
  loop.call_later(absl::ZeroDuration(), [&] { log.add(SocketPair::read_from(other)); });
  poll();  // The kernel reports it; then the timer runs, and then the stream.
  EXPECT_TRUE(read.is_pending());
  EXPECT_EQ(log.str(), "stolen");
  pair.write("kept");
  EXPECT_EQ(*outcome(std::move(read)), "kept");
  close(other);
}

// Writing.

TEST_F(StreamTest, AWriteThatTheKernelTakesIsFulfilledAtOnce) {
  EXPECT_TRUE(stream.write("hello").is_fulfilled());
  EXPECT_EQ(SocketPair::read_from(pair.b), "hello");
}

TEST_F(StreamTest, AWriteOfNothingIsFulfilled) { EXPECT_TRUE(stream.write("").is_fulfilled()); }

TEST_F(StreamTest, ALargeWriteWaitsForItsReader) {
  const std::string bytes(5 << 20, 'x');
  Promise<> write = stream.write(bytes);
  poll();
  EXPECT_TRUE(write.is_pending());
  std::size_t came = 0;
  auto drain = [&] {
    came += SocketPair::read_from(pair.b, 1 << 20).size();
    if (came == bytes.size()) loop.remove_reader(pair.b);
  };
  EXPECT_EQ(loop.add_reader(pair.b, drain), absl::OkStatus());
  EXPECT_EQ(outcome(std::move(write)), absl::OkStatus());
  run();
  EXPECT_EQ(came, bytes.size());
}

TEST_F(StreamTest, WritesGoOutWholeOneAfterTheOther) {
  std::string expected, came;
  std::vector<Promise<>> writes;
  for (char c = 'a'; c <= 'z'; ++c) {
    writes.push_back(stream.write(std::string(100'000, c)));
    expected += std::string(100'000, c);
  }
  auto drain = [&] {
    came += SocketPair::read_from(pair.b, 30'000);
    if (came.size() == expected.size()) loop.remove_reader(pair.b);
  };
  EXPECT_EQ(loop.add_reader(pair.b, drain), absl::OkStatus());
  EXPECT_EQ(outcome(when_all(writes)), absl::OkStatus());
  run();
  EXPECT_TRUE(came == expected);
}

TEST_F(StreamTest, AWriteThatHasNotBegunCanBeCancelledWithoutATrace) {
  Promise<> first = stream.write(std::string(5 << 20, 'x'));
  Promise<> second = stream.write("second");
  Promise<> third = stream.write("third");
  EXPECT_TRUE(second.cancel());
  second.catch_([] {});
  std::string came;
  auto drain = [&] {
    came += SocketPair::read_from(pair.b, 1 << 20);
    if (came.size() == (5 << 20) + 5) loop.remove_reader(pair.b);
  };
  EXPECT_EQ(loop.add_reader(pair.b, drain), absl::OkStatus());
  EXPECT_EQ(outcome(when_all(std::move(first), std::move(third))).status(), absl::OkStatus());
  run();
  EXPECT_EQ(came.substr(came.size() - 6), "xthird");
}

TEST_F(StreamTest, AWriteThatIsCancelledHalfwayBreaksTheStreamForThoseAfterIt) {
  Promise<> first = stream.write(std::string(5 << 20, 'x'));
  Promise<> second = stream.write("second");
  EXPECT_TRUE(first.cancel());
  first.catch_([] {});
  const absl::Status status = outcome(std::move(second));
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_EQ(status.message().substr(0, 33), "peer: a write was cancelled when ") << status;
  EXPECT_EQ(outcome(stream.write("third")), status);
  pair.write("x");
  EXPECT_EQ(*outcome(stream.read_some()), "x");  // The other direction is whole.
}

TEST_F(StreamTest, ShutdownLetsThePeerSeeTheEndAfterAllWrites) {
  Promise<> write = stream.write(std::string(5 << 20, 'x'));
  Promise<> shutdown = stream.shutdown();
  EXPECT_TRUE(shutdown.is_pending());
  std::size_t came = 0;
  bool has_ended = false;
  auto drain = [&] {
    const std::string bytes = SocketPair::read_from(pair.b, 1 << 20);
    came += bytes.size();
    has_ended = bytes.empty();
    if (has_ended) loop.remove_reader(pair.b);
  };
  EXPECT_EQ(loop.add_reader(pair.b, drain), absl::OkStatus());
  run();
  EXPECT_EQ(came, std::size_t{5 << 20});
  EXPECT_TRUE(has_ended);
  EXPECT_TRUE(write.is_fulfilled());
  EXPECT_TRUE(shutdown.is_fulfilled());
}

TEST_F(StreamTest, AfterShutdownThereAreReadsButNoWrites) {
  EXPECT_EQ(outcome(stream.shutdown()), absl::OkStatus());
  EXPECT_EQ(outcome(stream.shutdown()), absl::OkStatus());
  EXPECT_EQ(outcome(stream.write("x")), absl::FailedPreconditionError("peer: write after shutdown"));
  pair.write("still");
  EXPECT_EQ(*outcome(stream.read_some()), "still");
}

// Errors.

TEST_F(StreamTest, WritingToWhoHasClosedIsAnErrorAndNoSignal) {
  pair.close_b();
  const absl::Status status = outcome(stream.write("x"));
  EXPECT_EQ(status, absl::ErrnoToStatus(EPIPE, "peer: write"));
  EXPECT_EQ(outcome(stream.write("y")), status);  // It stays.
}

TEST_F(StreamTest, APendingWriteLearnsThatThePeerHasClosed) {
  Promise<> write = stream.write(std::string(5 << 20, 'x'));
  loop.call_soon([&] { pair.close_b(); });
  const absl::Status status = outcome(std::move(write));
  EXPECT_TRUE(status == absl::ErrnoToStatus(EPIPE, "peer: write") ||
              status == absl::ErrnoToStatus(ECONNRESET, "peer: write"))
      << status;
}

TEST_F(StreamTest, WhatIsNoDescriptorIsRefused) {
  EXPECT_EQ(Stream::adopt(-1).status().code(), StatusCode::kInvalidArgument);
  const int closed = dup(pair.b);
  close(closed);
  EXPECT_EQ(Stream::adopt(closed).status().code(), StatusCode::kFailedPrecondition);
}

TEST_F(StreamTest, TwoStreamsOfOneDescriptorAreRefused) {
  EXPECT_EQ(Stream::borrow(stream.fd()).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(loop.add_reader(stream.fd(), [] {}).code(), StatusCode::kFailedPrecondition);
}

// Closing.

TEST_F(StreamTest, ClosingRejectsWhatIsPendingAndClosesTheDescriptor) {
  Promise<std::string> read = stream.read_some();
  Promise<absl::Status> write = stream.write(std::string(5 << 20, 'x')).settled();
  const int before = open_descriptors();
  stream.close();
  EXPECT_FALSE(stream.is_open());
  EXPECT_EQ(stream.fd(), -1);
  EXPECT_EQ(open_descriptors(), before - 1);
  EXPECT_EQ(outcome(std::move(read)).status(), absl::AbortedError("peer: the stream was closed"));
  EXPECT_EQ(*outcome(std::move(write)), absl::AbortedError("peer: the stream was closed"));
  EXPECT_EQ(outcome(stream.read_some()).status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(outcome(stream.write("x")).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(outcome(stream.shutdown()).code(), StatusCode::kFailedPrecondition);
}

TEST_F(StreamTest, ACallbackOfAReadMayCloseTheStream) {
  stream.read_some().then([&] { stream.close(); });
  pair.write("x");
  run();
  EXPECT_FALSE(stream.is_open());
}

TEST_F(StreamTest, ClosingTheLoopRejectsWhatIsPending) {
  const Promise<std::string> read = stream.read_some();
  const Promise<> write = stream.write(std::string(5 << 20, 'x'));
  loop.close();
  EXPECT_TRUE(read.is_rejected());
  EXPECT_TRUE(write.is_rejected());
  stream.close();
}

TEST_F(StreamTest, MovesWithWhatIsPending) {
  Promise<std::string> read = stream.read_some();
  Stream moved = std::move(stream);
  pair.write("x");
  EXPECT_EQ(*outcome(std::move(read)), "x");
  EXPECT_FALSE(stream.is_open());
  EXPECT_EQ(outcome(stream.read_some()).status().code(), StatusCode::kFailedPrecondition);
}

// Fairness.

TEST_F(StreamTest, AStreamThatNeverRunsDryLeavesTheOthersTheirTurn) {
  int turns = 0, reads = 0;
  std::function<void()> count = [&] {
    if (++turns < 1000) loop.call_soon(count);
  };
  loop.call_soon(count);
  auto read_for_ever = [&]() -> Promise<> {
    while (turns < 1000) {
      pair.write("x");
      co_await stream.read_some();
      ++reads;
    }
  };
  EXPECT_EQ(outcome(read_for_ever()), absl::OkStatus());
  EXPECT_LT(reads, 100'000);
}

TEST_F(StreamTest, AnIdleStreamDoesNotKeepTheLoopWaiting) {
  EXPECT_TRUE(loop.is_stalled());
  Promise<std::string> read = stream.read_some();
  EXPECT_FALSE(loop.is_stalled());
  read.cancel();
  run();
  EXPECT_TRUE(loop.is_stalled());
}

// Other kinds of descriptors.

TEST_F(StreamTest, PipesAreReadAndWritten) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  absl::StatusOr<Stream> in = Stream::adopt(ends[0]);
  absl::StatusOr<Stream> out = Stream::adopt(ends[1]);
  Promise<std::string> all = in->read_all();
  const std::string bytes(1 << 20, 'x');
  auto write = [&]() -> Promise<> {
    co_await out->write(bytes);
    co_await out->shutdown();
  };
  EXPECT_EQ(outcome(write()), absl::OkStatus());
  EXPECT_TRUE(*outcome(std::move(all)) == bytes);
}

TEST_F(StreamTest, APipeThatNobodyReadsIsAnErrorAndNoSignal) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  absl::StatusOr<Stream> out = Stream::adopt(ends[1], "pipe");
  EXPECT_EQ(outcome(out->write("x")), absl::ErrnoToStatus(EPIPE, "pipe: write"));
  sigset_t pending;
  sigpending(&pending);
  EXPECT_FALSE(sigismember(&pending, SIGPIPE));
}

TEST_F(StreamTest, ARegularFileIsRead) {
  absl::StatusOr<Stream> file = Stream::adopt(open("/proc/self/comm", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(outcome(file->read_line())->has_value(), true);
  EXPECT_EQ(*outcome(file->read_line()), std::nullopt);
}

TEST_F(StreamTest, ABorrowedDescriptorKeepsItsModeAndIsLeftOpen) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  {
    absl::StatusOr<Stream> in = Stream::borrow(ends[0], "stdin");
    Promise<std::string> read = in->read_some();
    loop.call_soon([&] { EXPECT_EQ(::write(ends[1], "hello", 5), 5); });
    EXPECT_EQ(*outcome(std::move(read)), "hello");
    EXPECT_EQ(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    absl::StatusOr<Stream> out = Stream::borrow(ends[1]);
    Promise<> write = out->write(std::string(200'000, 'x'));
    Promise<std::string> back = in->read_exactly(200'000);
    EXPECT_EQ(outcome(std::move(back))->size(), 200'000u);
    EXPECT_EQ(outcome(std::move(write)), absl::OkStatus());
  }
  EXPECT_EQ(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(StreamTest, BytesOfAnyKindComeBackFromAnEcho) {
  std::string bytes;
  for (int i = 0; i < 300'000; ++i) bytes += static_cast<char>(i * 7 + i / 256);
  auto echo = [](Stream peer) -> Promise<> {
    while (true) {
      std::string some = co_await peer.read_some(1000);
      if (some.empty()) co_return;
      co_await peer.write(std::move(some));
    }
  };
  absl::StatusOr<Stream> peer = Stream::adopt(std::exchange(pair.b, -1));
  Promise<> echoed = echo(*std::move(peer));
  Promise<> written = stream.write(bytes);
  EXPECT_TRUE(*outcome(stream.read_exactly(bytes.size())) == bytes);
  EXPECT_EQ(outcome(std::move(written)), absl::OkStatus());
  EXPECT_EQ(outcome(stream.shutdown()), absl::OkStatus());
  EXPECT_EQ(outcome(std::move(echoed)), absl::OkStatus());
}

}  // namespace
}  // namespace vow
