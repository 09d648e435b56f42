// Promises that are made settled: by resolve, by reject, and by a function that returns a value or an error.

#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::HasSubstr;

using ResolveTest = LoopTest;
using RejectTest = LoopTest;
using ImplicitPromiseTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

TEST_F(ResolveTest, GivesAFulfilledPromise) {
  Promise<int> p = resolve(5);
  EXPECT_TRUE(p.is_fulfilled());
  EXPECT_FALSE(p.is_pending());
  EXPECT_FALSE(p.is_rejected());
  EXPECT_EQ(p.value(), 5);
  EXPECT_EQ(p.status(), absl::OkStatus());
}

TEST_F(ResolveTest, OfNothingGivesAFulfilledPromiseOfNothing) {
  Promise<> p = resolve();
  EXPECT_TRUE(p.is_fulfilled());
}

TEST_F(ResolveTest, TakesTheTypeWithoutConstAndReference) {
  const std::string text = "text";
  EXPECT_TRUE((std::is_same_v<decltype(resolve(text)), Promise<std::string>>));
  EXPECT_EQ(resolve(text).value(), "text");
}

TEST_F(ResolveTest, TakesAValueThatHasNoCopy) { EXPECT_EQ(*resolve(std::make_unique<int>(5)).value(), 5); }

TEST_F(ResolveTest, OfAnErrorGivesARejectedPromiseOfNothing) {
  Promise<> p = resolve(error());
  EXPECT_EQ(p.status(), error());
}

TEST_F(ResolveTest, OfAStatusOrGivesWhicheverItHolds) {
  Promise<int> fulfilled = resolve(absl::StatusOr<int>(5));
  Promise<int> rejected = resolve(absl::StatusOr<int>(error()));
  EXPECT_EQ(fulfilled.value(), 5);
  EXPECT_EQ(rejected.status(), error());
}

TEST_F(ResolveTest, GivesAPromiseBackAsItIs) {
  Deferred<int> d;
  Promise<int> p = resolve(d.promise());
  d.resolve(5);
  EXPECT_EQ(p.value(), 5);
}

TEST_F(ResolveTest, CallsBackLikeAnyPromise) {
  resolve(5).then([&](int x) { log.add(x); });
  EXPECT_EQ(log.str(), "");
  run();
  EXPECT_EQ(log.str(), "5");
}

TEST_F(RejectTest, GivesARejectedPromise) {
  Promise<int> p = reject<int>(error());
  EXPECT_TRUE(p.is_rejected());
  EXPECT_FALSE(p.is_pending());
  EXPECT_FALSE(p.is_fulfilled());
  EXPECT_EQ(p.status(), error());
}

TEST_F(RejectTest, IsOfNothingUnlessTold) {
  Promise<> p = reject(error());
  EXPECT_EQ(p.status(), error());
}

Promise<std::string> text_of(int x) {
  switch (x) {
    case 0:
      return "literal";
    case 1:
      return std::string("string");
    case 2:
      return error();
    case 3:
      return absl::StatusOr<std::string>("in a StatusOr");
    case 4:
      return absl::StatusOr<const char*>("converted");
    case 5:
      return absl::StatusOr<std::string>(error());
    default:
      return absl::OkStatus();
  }
}

TEST_F(ImplicitPromiseTest, FromAValue) {
  EXPECT_EQ(text_of(0).value(), "literal");
  EXPECT_EQ(text_of(1).value(), "string");
}

TEST_F(ImplicitPromiseTest, FromAnError) { EXPECT_EQ(text_of(2).status(), error()); }

TEST_F(ImplicitPromiseTest, FromAStatusOr) {
  EXPECT_EQ(text_of(3).value(), "in a StatusOr");
  EXPECT_EQ(text_of(4).value(), "converted");
  EXPECT_EQ(text_of(5).status(), error());
}

TEST_F(ImplicitPromiseTest, FromAnOkStatusWhereAValueIsDueIsAnError) {
  EXPECT_EQ(text_of(6).status().code(), absl::StatusCode::kInternal);
}

TEST_F(ImplicitPromiseTest, FromAnOkStatusIsFulfilledIfOfNothing) {
  Promise<> p = absl::OkStatus();
  EXPECT_TRUE(p.is_fulfilled());
}

TEST_F(ImplicitPromiseTest, FromAnErrorIsRejectedIfOfNothing) {
  Promise<> p = error();
  EXPECT_EQ(p.status(), error());
}

TEST_F(ImplicitPromiseTest, FromAnErrorThatIsKept) {
  const absl::Status kept = error();
  Promise<int> p = kept;
  EXPECT_EQ(p.status(), error());
}

TEST_F(ImplicitPromiseTest, FromAValueThatHasNoCopy) {
  Promise<std::unique_ptr<int>> p = std::make_unique<int>(5);
  EXPECT_EQ(*p.value(), 5);
}

TEST_F(ImplicitPromiseTest, FromBraces) {
  Promise<std::vector<int>> p = std::vector{1, 2, 3};
  EXPECT_EQ(p.value().size(), 3u);
}

TEST_F(ImplicitPromiseTest, RemembersWhereItWasMade) {
  const int line = __LINE__ + 1;
  Promise<int> p = absl::OkStatus();
  EXPECT_THAT(p.status().ToString(), HasSubstr("resolve_test.cc:" + std::to_string(line)));
}

TEST_F(ImplicitPromiseTest, IsConvertibleFromWhatLeadsToItsValueAndFromNothingElse) {
  EXPECT_TRUE((std::is_convertible_v<const char*, Promise<std::string>>));
  EXPECT_FALSE((std::is_convertible_v<int, Promise<std::string>>));
  EXPECT_FALSE((std::is_convertible_v<int, Promise<>>));
  EXPECT_FALSE((std::is_convertible_v<Promise<int>, Promise<double>>));
  EXPECT_FALSE((std::is_default_constructible_v<Promise<int>>));
}

}  // namespace
}  // namespace vow
