// A fixture for programs of tutorials about Python's asyncio: their print, and their asyncio.run.
//
//   Promise<int> square(int x) {
//     co_await sleep(absl::Seconds(1));
//     print("Square of", x);
//     co_return x * x;
//   }
//
//   TEST_F(TutorialTest, Square) {
//     print(run(square(2)).value());
//     EXPECT_EQ(output(),
//               "1s Square of 2\n"
//               "1s 4\n");
//   }

#ifndef VOW_TEST_TUTORIALS_TUTORIAL_TEST_H_
#define VOW_TEST_TUTORIALS_TUTORIAL_TEST_H_

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "promise/promise.h"
#include "promise/run.h"

namespace vow {

inline std::string printed;

// As Python writes them.
inline std::string text(int x) { return absl::StrCat(x); }
inline std::string text(const std::string& x) { return x; }
inline std::string text(absl::Duration x) { return absl::FormatDuration(x); }
inline std::string text(const std::vector<int>& x) { return absl::StrCat("[", absl::StrJoin(x, ", "), "]"); }
inline std::string text(const std::tuple<std::string, std::string>& x) {
  return absl::StrCat("('", absl::StrJoin(x, "', '"), "')");
}

// A line of the words, after the time by the clock of the loop, which began at the epoch.
template <class... Words>
void print(const Words&... words) {
  const absl::Duration time = EventLoop::current().now() - absl::UnixEpoch();
  absl::StrAppend(&printed, absl::FormatDuration(time), " ", absl::StrJoin({text(words)...}, " "), "\n");
}

class TutorialTest : public testing::Test {
 protected:
  TutorialTest() { printed.clear(); }

  template <class T>
  auto run(Promise<T> promise) {
    return run_until_complete(loop, std::move(promise));
  }

  const std::string& output() const { return printed; }
  absl::Duration passed() { return loop.now() - absl::UnixEpoch(); }

  EventLoop loop{LoopOptions{.clock = Clock::kVirtual}};
};

}  // namespace vow

#endif  // VOW_TEST_TUTORIALS_TUTORIAL_TEST_H_
