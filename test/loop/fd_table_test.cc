// The table of descriptors, with a poller that does what the test says: errors of the kernel, and events that come too late.
// RELIABILITY 13, 20.

#include "loop/fd_table.h"

#include <errno.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "loop/fd_watch.h"
#include "loop/poller.h"
#include "test/support/log.h"

namespace vow::loop_internal {
namespace {

constexpr std::uint8_t kReadable = FdWatch::kReadable;
constexpr std::uint8_t kWritable = FdWatch::kWritable;
constexpr std::uint8_t kEdge = FdWatch::kEdge;

// Remembers what it was told, and fails when asked to.
class ScriptedPoller final : public Poller {
 public:
  absl::Time origin() const override { return absl::UnixEpoch(); }
  std::int64_t now() override { return 0; }
  std::span<const FdEvent> wait(std::int64_t) override { return {}; }
  void wake() override {}
  int add(int fd, std::uint8_t interest, std::uint64_t key) override { return tell("add", fd, interest, key); }
  int change(int fd, std::uint8_t interest, std::uint64_t key) override { return tell("change", fd, interest, key); }
  int forget(int fd) override {
    calls.add(absl::StrCat("forget", fd));
    keys.erase(fd);
    return next_error;
  }
  void begin_anew() override { calls.add("anew"); }
  void abandon() override {}

  Log calls;
  int next_error = 0;
  std::map<int, std::uint64_t> keys;

 private:
  int tell(const char* call, int fd, std::uint8_t interest, std::uint64_t key) {
    calls.add(absl::StrCat(call, fd, ":", static_cast<int>(interest)));
    if (next_error != 0) return std::exchange(next_error, 0);
    keys[fd] = key;
    return 0;
  }
};

class Watch final : public FdWatch {
 public:
  explicit Watch(Log& log) : log_(log) {}

 private:
  void run() noexcept override { log_.add(absl::StrCat("run", fd, ":", static_cast<int>(ready))); }
  void drop() noexcept override { log_.add("dropped"); }
  Log& log_;
};

class FdTableTest : public testing::Test {
 protected:
  void deliver(std::vector<FdEvent> events) {
    table.deliver(events);
    while (FdWatch* watch = table.pop_ready()) watch->run();
  }

  Log log;
  ScriptedPoller poller;
  int watches = 0, holds = 0;
  FdTable table{poller, watches, holds};
  Watch one{log}, two{log};
};

TEST_F(FdTableTest, EachErrorOfTheKernelLeavesEverythingAsItWas) {
  for (const int error : {ENOMEM, ENOSPC, EPERM, EBADF, ELOOP, EINVAL}) {
    poller.next_error = error;
    const absl::Status status = table.add(one, 7, kReadable, "call");
    EXPECT_EQ(status.code(), absl::ErrnoToStatus(error, "").code());
    EXPECT_NE(status.message().find("call: fd 7"), std::string::npos) << status;
    EXPECT_LT(one.fd, 0);
    EXPECT_EQ(watches, 0);
  }
  EXPECT_EQ(table.add(one, 7, kReadable, "call"), absl::OkStatus());
  deliver({{poller.keys[7], kReadable}});
  EXPECT_EQ(log.str(), "run7:1");
}

TEST_F(FdTableTest, AnErrorForASecondWatchLeavesTheFirst) {
  EXPECT_EQ(table.add(one, 7, kReadable, "call"), absl::OkStatus());
  poller.next_error = ENOMEM;
  EXPECT_EQ(table.add(two, 7, kWritable, "call").code(), absl::ErrnoToStatus(ENOMEM, "").code());
  deliver({{poller.keys[7], kReadable | kWritable}});
  EXPECT_EQ(log.str(), "run7:1");
  table.remove(one);
  EXPECT_EQ(poller.calls.str(), "add7:1 change7:3 forget7");
}

TEST_F(FdTableTest, AnErrorWhenAWatchIsRemovedIsNone) {
  EXPECT_EQ(table.add(one, 7, kReadable, "call"), absl::OkStatus());
  poller.next_error = EBADF;
  table.remove(one);
  EXPECT_EQ(watches, 0);
  EXPECT_EQ(holds, 0);
}

TEST_F(FdTableTest, WhatThePollerKnowsAlreadyIsChanged) {
  poller.next_error = EEXIST;
  EXPECT_EQ(table.add(one, 7, kReadable, "call"), absl::OkStatus());
  EXPECT_EQ(poller.calls.str(), "add7:1 change7:1");
}

TEST_F(FdTableTest, WhatThePollerDoesNotKnowAnyMoreIsAddedAndThoseOfTheFormerDescriptorAreDropped) {
  EXPECT_EQ(table.add(one, 7, kReadable, "call"), absl::OkStatus());
  const std::uint64_t former = poller.keys[7];
  poller.next_error = ENOENT;
  EXPECT_EQ(table.add(two, 7, kWritable, "call"), absl::OkStatus());
  EXPECT_NE(poller.keys[7], former);
  EXPECT_EQ(log.str(), "dropped");
  EXPECT_EQ(watches, 1);
  deliver({{former, kReadable | kWritable}});
  EXPECT_EQ(log.str(), "dropped");  // An event of the former one reaches nobody.
}

TEST_F(FdTableTest, AnEventThatNobodyWaitsForHasThePollerBeginAnewWithAllOthers) {
  EXPECT_EQ(table.add(one, 7, kReadable, "call"), absl::OkStatus());
  EXPECT_EQ(table.add(two, 9, kReadable, "call"), absl::OkStatus());
  const std::uint64_t key = poller.keys[7];
  table.remove(one);
  deliver({{key, kReadable}});
  EXPECT_EQ(poller.calls.str(), "add7:1 add9:1 forget7 anew add9:1");
  deliver({{poller.keys[9], kReadable}});
  EXPECT_EQ(log.str(), "run9:1");
}

TEST_F(FdTableTest, ThoseOnEdgesAreNotWaitedFor) {
  EXPECT_EQ(table.add(one, 7, kReadable | kEdge, "call"), absl::OkStatus());
  EXPECT_EQ(table.add(two, 9, kReadable, "call"), absl::OkStatus());
  EXPECT_EQ(watches, 2);
  EXPECT_EQ(holds, 1);
}

TEST_F(FdTableTest, AWatchThatWasRemovedBetweenDeliveryAndItsTurnIsNotHandedOut) {
  EXPECT_EQ(table.add(one, 7, kReadable, "call"), absl::OkStatus());
  EXPECT_EQ(table.add(two, 9, kReadable, "call"), absl::OkStatus());
  const std::vector<FdEvent> events = {{poller.keys[7], kReadable}, {poller.keys[9], kReadable}};
  table.deliver(events);
  table.remove(one);
  EXPECT_EQ(table.pop_ready(), &two);
  EXPECT_EQ(table.pop_ready(), nullptr);
}

TEST_F(FdTableTest, TwoDeliveriesBeforeItsTurnAreOne) {
  EXPECT_EQ(table.add(one, 7, kReadable | kWritable | kEdge, "call"), absl::OkStatus());
  const std::vector<FdEvent> first = {{poller.keys[7], kReadable}}, second = {{poller.keys[7], kWritable}};
  table.deliver(first);
  table.deliver(second);
  table.pop_ready()->run();
  EXPECT_EQ(table.pop_ready(), nullptr);
  EXPECT_EQ(log.str(), "run7:3");
}

}  // namespace
}  // namespace vow::loop_internal
