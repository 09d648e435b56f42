// readable, writable.

#include "promise/io.h"

#include <fcntl.h>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/with_timeout.h"
#include "test/support/descriptors.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using absl::StatusCode;

class IoTest : public LoopTest {
 protected:
  SocketPair pair;
};

TEST_F(IoTest, ReadableWaitsForData) {
  readable(pair.a).then(log.note("readable"));
  poll();
  EXPECT_EQ(log.str(), "");
  pair.write("x");
  run();
  EXPECT_EQ(log.str(), "readable");
  EXPECT_EQ(pair.read(), "x");
}

TEST_F(IoTest, ReadableIsFulfilledByTheEnd) {
  pair.close_b();
  EXPECT_EQ(run_until_complete(loop, readable(pair.a)), absl::OkStatus());
}

TEST_F(IoTest, WritableWaitsForRoom) {
  pair.fill_a();
  writable(pair.a).then(log.note("writable"));
  poll();
  EXPECT_EQ(log.str(), "");
  pair.drain_b();
  run();
  EXPECT_EQ(log.str(), "writable");
}

TEST_F(IoTest, IsNeverFulfilledInsideOfTheCall) {
  pair.write("x");
  EXPECT_TRUE(readable(pair.a).is_pending());
}

TEST_F(IoTest, SeveralMayWaitForOneDescriptorAndAreFulfilledInOrder) {
  readable(pair.a).then(log.note("1"));
  writable(pair.a).then(log.note("3"));
  readable(pair.a).then(log.note("2"));
  pair.write("x");
  run();
  EXPECT_EQ(log.str(), "1 2 3");
}

TEST_F(IoTest, ACancelledWaitLeavesNoWatch) {
  const Promise<> wait = readable(pair.a);
  EXPECT_TRUE(wait.cancel());
  EXPECT_TRUE(loop.is_stalled() || loop.has_microtasks());
  wait.catch_([] {});
  run();
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(IoTest, CanTimeOut) {
  EXPECT_EQ(run_until_complete(loop, with_timeout(readable(pair.a), absl::Seconds(1))).code(),
            StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(IoTest, WhatCannotBeWatchedIsRejected) {
  EXPECT_EQ(run_until_complete(loop, readable(-1)).code(), StatusCode::kInvalidArgument);
  const int closed = dup(pair.a);
  close(closed);
  EXPECT_EQ(run_until_complete(loop, writable(closed)).code(), StatusCode::kFailedPrecondition);
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(run_until_complete(loop, readable(file)).code(), StatusCode::kPermissionDenied);
  close(file);
}

TEST_F(IoTest, ADescriptorWhoseNumberIsGivenOutAgainRejectsWhoWaitedForTheFormer) {
  const Promise<absl::Status> former = readable(pair.a).settled();
  SocketPair other;
  const int number = pair.a;
  pair.close_a();
  pair.a = fcntl(other.a, F_DUPFD_CLOEXEC, number);
  ASSERT_EQ(pair.a, number);
  other.write("x");
  EXPECT_EQ(run_until_complete(loop, readable(number)), absl::OkStatus());
  EXPECT_EQ(former.value().code(), StatusCode::kAborted);
}

TEST_F(IoTest, ClosingTheLoopRejects) {
  const Promise<> wait = readable(pair.a);
  loop.close();
  EXPECT_EQ(wait.status().code(), StatusCode::kAborted);
}

}  // namespace
}  // namespace vow
