#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using AttemptTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

TEST_F(AttemptTest, CallsAtOnce) {
  attempt(log.note("called"));
  log.add("after");
  EXPECT_EQ(log.str(), "called after");
}

// folly 83
TEST_F(AttemptTest, GivesAPromiseOfTheValue) {
  Promise<int> p = attempt([] { return 5; });
  EXPECT_EQ(p.value(), 5);
}

TEST_F(AttemptTest, GivesAPromiseOfNothing) {
  Promise<> p = attempt([] {});
  EXPECT_TRUE(p.is_fulfilled());
}

TEST_F(AttemptTest, GivesAPromiseOfAStatus) {
  Promise<> fulfilled = attempt([] { return absl::OkStatus(); });
  Promise<> rejected = attempt(error);
  EXPECT_TRUE(fulfilled.is_fulfilled());
  EXPECT_EQ(rejected.status(), error());
}

// folly 83
TEST_F(AttemptTest, GivesAPromiseOfAStatusOr) {
  Promise<int> fulfilled = attempt([]() -> absl::StatusOr<int> { return 5; });
  Promise<int> rejected = attempt([]() -> absl::StatusOr<int> { return error(); });
  EXPECT_EQ(fulfilled.value(), 5);
  EXPECT_EQ(rejected.status(), error());
}

TEST_F(AttemptTest, FollowsAPromise) {
  Promise<int> p = attempt([] { return sleep(absl::Seconds(1)).then([] { return 5; }); });
  poll();
  EXPECT_TRUE(p.is_pending());
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(AttemptTest, CopiesWhatAReferenceRefersTo) {
  std::string text = "text";
  Promise<std::string> p = attempt([&]() -> std::string& { return text; });
  text = "changed";
  EXPECT_EQ(p.value(), "text");
}

TEST_F(AttemptTest, GivesAValueThatHasNoCopy) {
  Promise<std::unique_ptr<int>> p = attempt([] { return std::make_unique<int>(5); });
  EXPECT_EQ(*p.value(), 5);
}

TEST_F(AttemptTest, TakesACallableThatHasNoCopy) {
  Promise<int> p = attempt([x = std::make_unique<int>(5)] { return *x; });
  EXPECT_EQ(p.value(), 5);
}

TEST_F(AttemptTest, CallsACallableThatIsKept) {
  auto count = [n = 0]() mutable { return ++n; };
  attempt(count);
  Promise<int> p = attempt(count);
  EXPECT_EQ(p.value(), 2);
}

}  // namespace
}  // namespace vow
