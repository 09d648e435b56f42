// How long the samples' programs take by the loop's clock, to the nanosecond. They are written out here once more, with a log
// in place of the output: a sample is a program, and has no functions for others.

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"

namespace vow {
namespace {

class SamplesLoopTimeTest : public testing::Test {
 protected:
  void print(const std::string& line) {
    absl::StrAppend(&log, absl::FormatDuration(loop.now() - start), " ", line, "\n");
  }

  Promise<int> square(int x) {
    print(absl::StrCat("Square ", x));
    return sleep(absl::Seconds(1)).then([this, x] {
      print(absl::StrCat("End square ", x));
      return x * x;
    });
  }

  Promise<std::vector<int>> squares(int first, int last, std::vector<int> before = {}) {
    if (first > last) return before;
    return square(first).then([this, first, last, before = std::move(before)](int result) mutable {
      before.push_back(result);
      return squares(first + 1, last, std::move(before));
    });
  }

  void print_all(const std::vector<int>& results) { print(absl::StrCat("[", absl::StrJoin(results, ", "), "]")); }

  EventLoop loop{LoopOptions{.clock = Clock::kVirtual}};
  const absl::Time start = loop.now();
  std::string log;
};

TEST_F(SamplesLoopTimeTest, SquareTakesASecond) {
  EXPECT_EQ(run_until_complete(loop, square(1)).value(), 1);
  EXPECT_EQ(log,
            "0 Square 1\n"
            "1s End square 1\n");
  EXPECT_EQ(loop.now() - start, absl::Seconds(1));
}

TEST_F(SamplesLoopTimeTest, GatherTakesASecond) {
  Promise<> gather =
      when_all({square(1), square(2), square(3)}).then([this](const std::vector<int>& results) { print_all(results); });
  EXPECT_EQ(run_until_complete(loop, std::move(gather)), absl::OkStatus());
  EXPECT_EQ(log,
            "0 Square 1\n"
            "0 Square 2\n"
            "0 Square 3\n"
            "1s End square 1\n"
            "1s End square 2\n"
            "1s End square 3\n"
            "1s [1, 4, 9]\n");
  EXPECT_EQ(loop.now() - start, absl::Seconds(1));
}

TEST_F(SamplesLoopTimeTest, SequentialTakesThreeSeconds) {
  Promise<> sequential = squares(1, 3).then([this](const std::vector<int>& results) { print_all(results); });
  EXPECT_EQ(run_until_complete(loop, std::move(sequential)), absl::OkStatus());
  EXPECT_EQ(log,
            "0 Square 1\n"
            "1s End square 1\n"
            "1s Square 2\n"
            "2s End square 2\n"
            "2s Square 3\n"
            "3s End square 3\n"
            "3s [1, 4, 9]\n");
  EXPECT_EQ(loop.now() - start, absl::Seconds(3));
}

}  // namespace
}  // namespace vow
