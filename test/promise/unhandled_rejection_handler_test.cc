// What gets the rejections that nobody handles: the handler, or else stderr.

#include <stdexcept>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "loop/source_location.h"
#include "promise/promise.h"
#include "promise/unhandled_rejection.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::HasSubstr;

absl::Status error(const char* message = "e") { return absl::NotFoundError(message); }

// The handler logs the error's message.
class UnhandledRejectionHandlerTest : public LoopTest {
 protected:
  UnhandledRejectionHandlerTest() {
    on_unhandled_rejection(
        [this](const absl::Status& status, SourceLocation) { log.add(std::string(status.message())); });
  }
  ~UnhandledRejectionHandlerTest() override { on_unhandled_rejection({}); }
};

TEST_F(UnhandledRejectionHandlerTest, IsTheOneThatWasSetLast) {
  on_unhandled_rejection([&](const absl::Status&, SourceLocation) { log.add("other"); });
  reject(error());
  run();
  EXPECT_EQ(log.str(), "other");
}

TEST_F(UnhandledRejectionHandlerTest, IsGivenBackWhenItIsReplaced) {
  const UnhandledRejectionHandler previous = on_unhandled_rejection({});
  EXPECT_FALSE(on_unhandled_rejection(previous));
  reject(error());
  run();
  EXPECT_EQ(log.str(), "e");
}

TEST_F(UnhandledRejectionHandlerTest, IsTheSameForAllLoopsOfAThread) {
  loop.close();
  EventLoop next({.clock = Clock::kVirtual});
  reject(error());
  EXPECT_EQ(next.run(), absl::OkStatus());
  EXPECT_EQ(log.str(), "e");
}

TEST_F(UnhandledRejectionHandlerTest, IsItsThreadsOwn) {
  std::thread([] {
    std::string reported;
    on_unhandled_rejection(
        [&](const absl::Status& status, SourceLocation) { reported = std::string(status.message()); });
    EventLoop other({.clock = Clock::kVirtual});
    reject(error());
    EXPECT_EQ(other.run(), absl::OkStatus());
    EXPECT_EQ(reported, "e");
  }).join();
  EXPECT_EQ(log.str(), "");
}

// asyncio 153
TEST_F(UnhandledRejectionHandlerTest, IsALineOnStderrIfThereIsNone) {
  on_unhandled_rejection({});
  const SourceLocation here = SourceLocation::current();
  reject(error(), here);
  testing::internal::CaptureStderr();
  run();
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "vow: unhandled rejection: NOT_FOUND: e, of the promise made at " + to_string(here) + "\n");
}

TEST_F(UnhandledRejectionHandlerTest, LeavesStderrAlone) {
  reject(error());
  testing::internal::CaptureStderr();
  run();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(UnhandledRejectionHandlerTest, GetsWhatItRejectsItself) {
  on_unhandled_rejection([&](const absl::Status& status, SourceLocation) {
    log.add(std::string(status.message()));
    if (status == error()) reject(error("handler"));
  });
  reject(error());
  reject(error("other"));
  run();
  EXPECT_EQ(log.str(), "e other handler");
}

TEST_F(UnhandledRejectionHandlerTest, DoesNotGetWhatItHasHandledMeanwhile) {
  const Promise<> first = reject(error("first")), second = reject(error("second"));
  on_unhandled_rejection([&](const absl::Status& status, SourceLocation) {
    log.add(std::string(status.message()));
    second.catch_([] {});
  });
  run();
  EXPECT_EQ(log.str(), "first");
}

TEST_F(UnhandledRejectionHandlerTest, MayReplaceItself) {
  on_unhandled_rejection([&, text = std::string(100, 'x')](const absl::Status&, SourceLocation) {
    on_unhandled_rejection([&](const absl::Status&, SourceLocation) { log.add("second"); });
    log.add(static_cast<int>(text.size()));
  });
  reject(error());
  reject(error());
  run();
  EXPECT_EQ(log.str(), "100 second");
}

#ifdef __cpp_exceptions
// asyncio 154
TEST_F(UnhandledRejectionHandlerTest, ThatThrowsIsReportedOnStderrWithTheRejection) {
  on_unhandled_rejection([](const absl::Status&, SourceLocation) { throw std::runtime_error("thrown"); });
  reject(error());
  testing::internal::CaptureStderr();
  run();
  const std::string report = testing::internal::GetCapturedStderr();
  EXPECT_THAT(report, HasSubstr("the handler of unhandled rejections threw: UNKNOWN: std::runtime_error: thrown"));
  EXPECT_THAT(report, HasSubstr("unhandled rejection: NOT_FOUND: e"));
}

// asyncio 154
TEST_F(UnhandledRejectionHandlerTest, ThatThrowsLetsTheLoopGoOn) {
  on_unhandled_rejection([](const absl::Status&, SourceLocation) { throw std::runtime_error("thrown"); });
  loop.call_soon([] { reject(error()); });
  loop.call_soon(log.note("next"));
  testing::internal::CaptureStderr();
  run();
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(log.str(), "next");
}
#endif

}  // namespace
}  // namespace vow
