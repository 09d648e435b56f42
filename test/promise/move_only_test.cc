// Values that cannot be copied although their type says that it can be: a vector of what has no copy is one.

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using MoveOnlyTest = LoopTest;

using Unique = std::unique_ptr<int>;

std::vector<Unique> one_and_two() {
  std::vector<Unique> values;
  values.push_back(std::make_unique<int>(1));
  values.push_back(std::make_unique<int>(2));
  return values;
}

TEST_F(MoveOnlyTest, WhenAllGivesAVectorOfThem) {
  std::vector<Promise<Unique>> promises;
  promises.push_back(sleep(absl::Seconds(1)).then([] { return std::make_unique<int>(1); }));
  promises.push_back(resolve(std::make_unique<int>(2)));
  Promise<std::vector<Unique>> all = when_all(std::move(promises));
  run();
  EXPECT_EQ(*all.value()[0], 1);
  EXPECT_EQ(*all.value()[1], 2);
}

TEST_F(MoveOnlyTest, ThenTakesAVectorOfThem) {
  resolve(one_and_two()).then([&](std::vector<Unique> values) {
    for (const Unique& value : values) log.add(*value);
  });
  run();
  EXPECT_EQ(log.str(), "1 2");
}

TEST_F(MoveOnlyTest, VectorOfThemPassesEachOperator) {
  absl::StatusOr<std::vector<Unique>> values = run_until_complete(
      loop, resolve(one_and_two()).catch_(one_and_two).finally([] {}).then([](std::vector<Unique> v) {
        return resolve(std::move(v));
      }));
  EXPECT_EQ(values->size(), 2u);
}

}  // namespace
}  // namespace vow
