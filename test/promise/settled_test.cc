#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using SettledTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

TEST_F(SettledTest, GivesAValueAsAStatusOr) {
  Promise<absl::StatusOr<int>> p = resolve(5).settled();
  run();
  EXPECT_EQ(*p.value(), 5);
}

TEST_F(SettledTest, GivesAnErrorAsAStatusOr) {
  Promise<absl::StatusOr<int>> p = reject<int>(error()).settled();
  run();
  ASSERT_TRUE(p.is_fulfilled());
  EXPECT_EQ(p.value().status(), error());
}

TEST_F(SettledTest, OfNothingGivesAStatus) {
  Promise<absl::Status> fulfilled = resolve().settled();
  Promise<absl::Status> rejected = reject(error()).settled();
  run();
  EXPECT_EQ(fulfilled.value(), absl::OkStatus());
  EXPECT_EQ(rejected.value(), error());
}

TEST_F(SettledTest, CallsThenWithAnError) {
  reject(error()).settled().then([&](absl::Status status) { log.add(std::string(status.message())); });
  run();
  EXPECT_EQ(log.str(), "e");
}

TEST_F(SettledTest, WaitsWhilePending) {
  Promise<absl::Status> p = sleep(absl::Seconds(1)).settled();
  poll();
  EXPECT_TRUE(p.is_pending());
  run();
  EXPECT_TRUE(p.is_fulfilled());
}

TEST_F(SettledTest, GivesAValueThatHasNoCopy) {
  Promise<absl::StatusOr<std::unique_ptr<int>>> p = resolve(std::make_unique<int>(5)).settled();
  run();
  EXPECT_EQ(**p.value(), 5);
}

TEST_F(SettledTest, OfAKeptPromiseLeavesItItsValue) {
  const Promise<std::string> p = resolve(std::string("a value"));
  Promise<absl::StatusOr<std::string>> settled = p.settled();
  run();
  EXPECT_EQ(p.value(), "a value");
  EXPECT_EQ(*settled.value(), "a value");
}

TEST_F(SettledTest, OfAStatusOrGivesOneMoreLevel) {
  Promise<absl::StatusOr<absl::StatusOr<int>>> p = reject<int>(error()).settled().settled();
  run();
  ASSERT_TRUE(p.value().ok());
  EXPECT_EQ(p.value()->status(), error());
}

TEST_F(SettledTest, OfAStatusGivesOneMoreLevel) {
  Promise<absl::StatusOr<absl::Status>> p = reject(error()).settled().settled();
  run();
  ASSERT_TRUE(p.value().ok());
  EXPECT_EQ(*p.value(), error());
}

TEST_F(SettledTest, OfAStatusComesOutOfRunUntilCompleteAsAValue) {
  absl::StatusOr<absl::Status> rejected = run_until_complete(loop, reject(error()).settled());
  ASSERT_TRUE(rejected.ok());
  EXPECT_EQ(*rejected, error());
}

TEST_F(SettledTest, LetsAStatusThatIsAValuePassCatchAndFinally) {
  Promise<absl::Status> p =
      reject(error()).settled().catch_([] { return absl::OkStatus(); }).finally([] { return absl::OkStatus(); });
  run();
  ASSERT_TRUE(p.is_fulfilled());
  EXPECT_EQ(p.value(), error());
}

}  // namespace
}  // namespace vow
