#include "promise/barrier.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::HasSubstr;

class BarrierTest : public LoopTest {
 protected:
  Promise<> come(Barrier& barrier, std::string name, int seconds) {
    co_await sleep(absl::Seconds(seconds));
    log.add(name);
    const int place = co_await barrier.wait();
    log.add(absl::StrCat(name, place));
  }
};

TEST_F(BarrierTest, NobodyGoesOnBeforeAllAreThere) {
  Barrier barrier(3);
  come(barrier, "a", 3);
  come(barrier, "b", 1);
  come(barrier, "c", 2);
  run();
  EXPECT_EQ(log.str(), "b c a b0 c1 a2");
}

TEST_F(BarrierTest, CanBeUsedAgain) {
  Barrier barrier(2);
  come(barrier, "a", 1);
  come(barrier, "b", 2);
  come(barrier, "c", 3);
  come(barrier, "d", 4);
  run();
  EXPECT_EQ(log.str(), "a b a0 b1 c d c0 d1");
}

TEST_F(BarrierTest, OfOneStopsNobody) {
  Barrier barrier(1);
  EXPECT_EQ(barrier.wait().value(), 0);
  EXPECT_EQ(barrier.wait().value(), 0);
}

TEST_F(BarrierTest, WhoIsCancelledIsNotCounted) {
  Barrier barrier(2);
  Promise<int> first = barrier.wait();
  EXPECT_EQ(barrier.waiting(), 1);
  first.cancel();
  EXPECT_EQ(barrier.waiting(), 0);
  const Promise<int> second = barrier.wait();
  EXPECT_TRUE(second.is_pending());
  EXPECT_EQ(barrier.wait().value(), 1);
  EXPECT_EQ(second.value(), 0);
}

TEST_F(BarrierTest, ForNobodyRejects) {
  Barrier barrier(0);
  EXPECT_EQ(barrier.wait().status(), absl::InvalidArgumentError("a Barrier must be for at least one"));
}

TEST_F(BarrierTest, WhoWaitsIsRejectedWhenItGoes) {
  std::optional<Barrier> barrier(std::in_place, 2);
  const Promise<int> waiting = barrier->wait();
  barrier.reset();
  EXPECT_EQ(waiting.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(waiting.status().message(), HasSubstr("the Barrier made at"));
}

}  // namespace
}  // namespace vow
