#include "prices.h"

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/testing.h"

using vow::IsFulfilled;
using vow::IsPending;
using vow::IsRejected;
using PricesTest = vow::PromiseTest;

TEST_F(PricesTest, TeaHasAPrice) {
  VOW_ASSERT_FULFILLED(const int price, price_of("tea"));
  EXPECT_EQ(price, 3);
}

TEST_F(PricesTest, SandIsNotSold) {
  EXPECT_THAT(run_until_settled(price_of("sand")), IsRejected(absl::StatusCode::kNotFound, "no sand"));
}

TEST_F(PricesTest, TheShopHasFiveSecondsToAnswer) {
  const vow::Promise<int> price = price_of("gold");
  run_for(absl::Seconds(4));
  EXPECT_THAT(price, IsPending());
  run_for(absl::Seconds(1));
  EXPECT_THAT(price, IsRejected(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(PricesTest, BreakfastIsTeaAndBread) { EXPECT_THAT(run_until_settled(price_of_breakfast()), IsFulfilled(5)); }
