// What Node.js made of programs of promises, vow must make of them. README.md says how to get more of them.

#include "test/ecmascript/replay.h"

#include <fstream>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vow::ecmascript {
namespace {

using testing::HasSubstr;

std::string replay(const std::string& text) {
  std::istringstream input(text);
  Replay result;
  EXPECT_EQ(replay(input, result), absl::OkStatus());
  return describe(result);
}

TEST(ReplayTest, EachRecordedProgramDoesWhatItDoesInNode) {
  std::ifstream input("test/ecmascript/programs.txt");
  ASSERT_TRUE(input.is_open());
  Replay result;
  EXPECT_EQ(replay(input, result), absl::OkStatus());
  EXPECT_EQ(describe(result), "");
  EXPECT_GE(result.programs, 2000);
}

TEST(ReplayTest, SeesAnotherOrder) {
  EXPECT_THAT(replay("program x\n p1 is v1\n p2 then p1 v2\n p3 then p1 v3\n"
                     "log 1 p3:v1 p2:v1\n end p1=v1 p2=v2 p3=v3"),
              HasSubstr("differ in word 2: p3:v1 in Node, p2:v1 on vow"));
}

TEST(ReplayTest, SeesAnotherEnd) {
  EXPECT_THAT(replay("program x\n p1 is v1\n p2 new\n log\n end p1=v1 p2=v2"),
              HasSubstr("differ in word 2: p2=v2 in Node, p2=? on vow"));
}

TEST(ReplayTest, SeesAReportThatIsMissing) {
  EXPECT_THAT(replay("program x\n p1 is v1\n log !p1\n end p1=v1"),
              HasSubstr("differ in word 1: !p1 in Node, (none) on vow"));
}

TEST(ReplayTest, SeesAnAsyncFunctionGoOnInAnotherTick) {
  EXPECT_THAT(replay("program x\n p1 is v1\n p2 async {\n a3 await p1\n a4 await v2\n } v1\n"
                     "log 1 a3:v1 3 a4:v2\n end p1=v1 p2=v1"),
              HasSubstr("differ in word 3: 3 in Node, 2 on vow"));
}

TEST(ReplayTest, KnowsWhichAsyncFunctionIsReported) {
  EXPECT_THAT(replay("program x\n p1 is e1\n p2 async {\n a3 await p1\n } v1\n p4 async {\n a5 await p1\n } v1\n"
                     "log !p2\n end p1=e1 p2=e1 p4=e1"),
              HasSubstr("differ in word 2: (none) in Node, !p4 on vow"));
}

TEST(ReplayTest, ShowsTheSmallestProgramThatDiffers) {
  EXPECT_THAT(replay("program x\n p1 is v1\n p2 is v1\n log\n end\n program y\n p1 is v1\n log\n end\n"
                     "program z\n p1 is v1\n log\n end p1=v1"),
              HasSubstr("2 of 3 programs differ: x y\n\nThe smallest of them, program y (handles kept, ticks "
                        "counted):\n\n p1 is v1\n"));
}

TEST(ReplayTest, RefusesWhatIsNotInTheLanguage) {
  std::istringstream input("program x\np1 then p2\nlog\nend");
  Replay result;
  EXPECT_EQ(replay(input, result).message(), "line 2: wrong number of handlers; found: p1 then p2");
}

TEST(ReplayTest, RefusesAnAwaitOutsideOfAnAsyncFunction) {
  std::istringstream input("program x\np1 async {\nm2 micro {\na3 await p1\n}\n} v1\nlog\nend");
  Replay result;
  EXPECT_EQ(replay(input, result).message(), "line 4: expected an await only in an async function; found: a3 await p1");
}

}  // namespace
}  // namespace vow::ecmascript
