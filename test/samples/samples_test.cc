// Runs the samples as a reader would, in virtual time, and compares all that they print with what the tutorial shows, how
// much time has passed by the loop's clock, to the nanosecond, and the chart of what ran when.
//
// One of these tests takes a second of real time. It is the exception to the rule that no test sleeps: that the tutorial's
// gather takes one second, and not three, is what it is there to show.

#include <stdio.h>
#include <sys/wait.h>

#include <chrono>
#include <ostream>
#include <string>

#include "gtest/gtest.h"

namespace vow {
namespace {

struct Execution {
  std::string output;  // And what came to stderr.
  int exit_code = -1;
  double seconds = 0;
};

// Bazel starts tests where the sources' tree begins.
Execution run(const std::string& command) {
  Execution execution;
  const auto start = std::chrono::steady_clock::now();
  FILE* const pipe = popen(("samples/" + command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return execution;
  for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) execution.output += static_cast<char>(c);
  const int status = pclose(pipe);
  execution.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (WIFEXITED(status)) execution.exit_code = WEXITSTATUS(status);
  return execution;
}

struct Sample {
  std::string name;
  std::string loop_time;
  std::string output;
  std::string chart;
};

std::ostream& operator<<(std::ostream& stream, const Sample& sample) { return stream << sample.name; }

const Sample kSamples[] = {
    {"square", "1s",
     "Square 1\n"
     "End square 1\n"
     "1\n",
     ""},
    // The tutorial shows 2, 1, 3 twice, for asyncio's gather may begin in any order. Here it is always the order of the calls.
    {"gather", "1s",
     "Square 1\n"
     "Square 2\n"
     "Square 3\n"
     "End square 1\n"
     "End square 2\n"
     "End square 3\n"
     "[1, 4, 9]\n",
     "square 1 |========================================| 0 to 1s\n"
     "square 2 |========================================| 0 to 1s\n"
     "square 3 |========================================| 0 to 1s\n"},
    {"sequential", "3s",
     "Square 1\n"
     "End square 1\n"
     "Square 2\n"
     "End square 2\n"
     "Square 3\n"
     "End square 3\n"
     "[1, 4, 9]\n",
     "square 1 |=============                           | 0 to 1s\n"
     "square 2 |             ==============             | 1s to 2s\n"
     "square 3 |                           =============| 2s to 3s\n"},
    // The tutorial shows "something like" 2, 3, 1 and then 3, 1, 2. Here it is always this.
    {"results_as_completed", "1s",
     "Square 1\n"
     "Square 2\n"
     "Square 3\n"
     "End square 1\n"
     "Result: 1\n"
     "End square 2\n"
     "Result: 4\n"
     "End square 3\n"
     "Result: 9\n",
     "square 1 |========================================| 0 to 1s\n"
     "square 2 |========================================| 0 to 1s\n"
     "square 3 |========================================| 0 to 1s\n"},
    {"nested_await", "1s",
     "Square 3\n"
     "End square 3\n"
     "9\n",
     ""},
    {"add", "3s", "1 + 2 = 3\n", ""},
    {"add_both", "7s",
     "1 + 2 = 3\n"
     "3 + 4 = 7\n"
     "[7, 3]\n",
     "3 + 4 |========================================| 0 to 7s\n"
     "1 + 2 |=================                       | 0 to 3s\n"},
    {"create_loop", "1s",
     "argument\n"
     "done\n",
     ""},
    {"run_forever", "4.5s",
     "tick 1\n"
     "tick 2\n"
     "tick 3\n"
     "stopped; the loop can go on:\n"
     "tick 4\n"
     "closing: what is still to come is dropped\n",
     ""},
    {"nested_loop", "1s",
     "refused: FAILED_PRECONDITION\n"
     "Square 1\n"
     "End square 1\n"
     "1\n",
     ""},
    // The tutorial's clock shows some microseconds more, which its machine needs.
    {"five_waits", "3s",
     "time passed after iter 0 is 0.0\n"
     "time passed after iter 1 is 0.0\n"
     "time passed after iter 2 is 0.0\n"
     "time passed after iter 3 is 0.0\n"
     "time passed after iter 4 is 0.0\n"
     "\n"
     "Total time needed was 3.0\n"
     "\n",
     "wait 0 |========================================| 0 to 3s\n"
     "wait 1 |========================================| 0 to 3s\n"
     "wait 2 |========================================| 0 to 3s\n"
     "wait 3 |========================================| 0 to 3s\n"
     "wait 4 |========================================| 0 to 3s\n"},
    // Likewise.
    {"five_waits_blocking", "15s",
     "time after iter 0 is 0.0\n"
     "time after iter 1 is 3.0\n"
     "time after iter 2 is 6.0\n"
     "time after iter 3 is 9.0\n"
     "time after iter 4 is 12.0\n"
     "\n"
     "Total time needed was 15.0\n"
     "\n",
     "wait 0 |========                                | 0 to 3s\n"
     "wait 1 |        ========                        | 3s to 6s\n"
     "wait 2 |                ========                | 6s to 9s\n"
     "wait 3 |                        ========        | 9s to 12s\n"
     "wait 4 |                                ========| 12s to 15s\n"},
    {"cake", "7s",
     "synchronously: 80 minutes\n"
     "asynchronously: 60 minutes\n",
     "dough     |====                                    | 0 to 750ms\n"
     "oven      |    =============                       | 750ms to 3s\n"
     "groceries |                 ======                 | 3s to 4s\n"
     "dough     |                       ====             | 4s to 4.75s\n"
     "oven      |                           =============| 4.75s to 7s\n"
     "groceries |                           ======       | 4.75s to 5.75s\n"},
    {"four_ways/callbacks", "3s",
     "make the dough\n"
     "cake into the oven\n"
     "off to the shop\n"
     "back with the groceries\n"
     "the cake is done\n"
     "the table is set\n",
     "dough     |==========                              | 0 to 750ms\n"
     "oven      |          ==============================| 750ms to 3s\n"
     "groceries |          =============                 | 750ms to 1.75s\n"},
    {"four_ways/generator", "3s",
     "make the dough\n"
     "cake into the oven\n"
     "off to the shop\n"
     "back with the groceries\n"
     "the cake is done\n"
     "the table is set\n",
     "dough     |==========                              | 0 to 750ms\n"
     "oven      |          ==============================| 750ms to 3s\n"
     "groceries |          =============                 | 750ms to 1.75s\n"},
    {"four_ways/chain", "3s",
     "make the dough\n"
     "cake into the oven\n"
     "off to the shop\n"
     "back with the groceries\n"
     "the cake is done\n"
     "the table is set\n",
     "dough     |==========                              | 0 to 750ms\n"
     "oven      |          ==============================| 750ms to 3s\n"
     "groceries |          =============                 | 750ms to 1.75s\n"},
    {"four_ways/async_await", "3s",
     "make the dough\n"
     "cake into the oven\n"
     "off to the shop\n"
     "back with the groceries\n"
     "the cake is done\n"
     "the table is set\n",
     "dough     |==========                              | 0 to 750ms\n"
     "oven      |          ==============================| 750ms to 3s\n"
     "groceries |          =============                 | 750ms to 1.75s\n"},
    {"main_again", "1s",
     "main\n"
     "something\n"
     "main again\n",
     ""},
    {"task", "1s",
     "main\n"
     "main again\n"
     "something\n"
     "awaited\n",
     ""},
    {"task_result", "1s",
     "main\n"
     "main again\n"
     "something\n"
     "finished\n",
     ""},
    // At 0.6 s both tasks wait for the last time, and print nothing.
    {"interleaved", "600ms",
     "1\n"
     "2\n"
     "3\n"
     "4\n"
     "5\n",
     "every 0.2 s |========================================| 0 to 600ms\n"
     "every 0.3 s |========================================| 0 to 600ms\n"},
    {"add_one", "1s", "42\n", ""},
    // The order of the second halves is that of equal deadlines: first set, first due.
    {"append_two_values", "500ms", "[1, 3, 2, 4, 6, 5]\n",
     "1 and 4 |========================================| 0 to 500ms\n"
     "3 and 6 |========================================| 0 to 500ms\n"
     "2 and 5 |========================================| 0 to 500ms\n"},
    {"async_generator", "3s",
     "3\n"
     "2\n"
     "1\n"
     "lift-off\n",
     ""},
    {"two_in_turn", "5s",
     "Starting main function\n"
     "Hello from my async function 1\n"
     "Done with async function 1\n"
     "Hello from my async function 2\n"
     "Done with async function 2\n"
     "Done with main function\n"
     "('my_async_function1 result', 'my_async_function2 result')\n",
     "function 1 |========================                | 0 to 3s\n"
     "function 2 |                        ================| 3s to 5s\n"},
    {"two_gathered", "3s",
     "Starting main function\n"
     "Hello from my async function 1\n"
     "Hello from my async function 2\n"
     "Done with async function 2\n"
     "Done with async function 1\n"
     "Done with main function\n"
     "('my_async_function1 result', 'my_async_function2 result')\n",
     "function 1 |========================================| 0 to 3s\n"
     "function 2 |===========================             | 0 to 2s\n"},
    {"two_tasks", "3s",
     "Starting main function\n"
     "Hello from my async function 1\n"
     "Hello from my async function 2\n"
     "Done with async function 2\n"
     "Done with async function 1\n"
     "Done with main function\n"
     "('my_async_function1 result', 'my_async_function2 result')\n",
     "function 1 |========================================| 0 to 3s\n"
     "function 2 |===========================             | 0 to 2s\n"},
    {"two_unawaited", "3s",
     "Starting main function\n"
     "main function doing other work\n"
     "Hello from my async function 1\n"
     "Hello from my async function 2\n"
     "Done with async function 2\n"
     "Done with async function 1\n"
     "Done with main function\n",
     "function 1 |===========================             | 0 to 2s\n"
     "function 2 |=============                           | 0 to 1s\n"},
    {"styles/gather_callbacks", "1s",
     "Square 1\n"
     "Square 2\n"
     "Square 3\n"
     "End square 1\n"
     "End square 2\n"
     "End square 3\n"
     "[1, 4, 9]\n",
     ""},
    {"styles/gather_chain", "1s",
     "Square 1\n"
     "Square 2\n"
     "Square 3\n"
     "End square 1\n"
     "End square 2\n"
     "End square 3\n"
     "[1, 4, 9]\n",
     ""},
    {"styles/error_callbacks", "4s",
     "packing order 17\n"
     "ada: sent\n"
     "close\n"
     "bob: NOT_FOUND: bob has no order\n"
     "close\n",
     ""},
    {"styles/error_chain", "4s",
     "packing order 17\n"
     "ada: sent\n"
     "close\n"
     "bob: NOT_FOUND: bob has no order\n"
     "close\n",
     ""},
    {"styles/error_async_await", "4s",
     "packing order 17\n"
     "ada: sent\n"
     "close\n"
     "bob: NOT_FOUND: bob has no order\n"
     "close\n",
     ""},
    {"styles/timeout_callbacks", "3.5s",
     "piece 1\n"
     "piece 2\n"
     "piece 3\n"
     "too late, with 3 pieces\n",
     ""},
    {"styles/timeout_chain", "3.5s",
     "piece 1\n"
     "piece 2\n"
     "piece 3\n"
     "too late, with 3 pieces\n",
     ""},
    {"styles/timeout_async_await", "3.5s",
     "piece 1\n"
     "piece 2\n"
     "piece 3\n"
     "too late, with 3 pieces\n",
     ""},
    {"styles/early_exit_callbacks", "4s",
     "40 degrees\n"
     "60 degrees\n"
     "80 degrees\n"
     "100 degrees\n"
     "tea\n",
     ""},
    {"styles/early_exit_chain", "4s",
     "40 degrees\n"
     "60 degrees\n"
     "80 degrees\n"
     "100 degrees\n"
     "tea\n",
     ""},
    {"styles/early_exit_async_await", "4s",
     "40 degrees\n"
     "60 degrees\n"
     "80 degrees\n"
     "100 degrees\n"
     "tea\n",
     ""},
};

class SamplesTest : public testing::TestWithParam<Sample> {};

TEST_P(SamplesTest, PrintsWhatTheTutorialShowsInTheSameTime) {
  const Sample& sample = GetParam();
  const Execution execution = run(sample.name + " --virtual --timeline");
  EXPECT_EQ(execution.output, sample.output + "--- " + sample.loop_time + "\n" + sample.chart);
  EXPECT_EQ(execution.exit_code, 0);
}

std::string name_of(const testing::TestParamInfo<Sample>& sample) {
  std::string name = sample.param.name;
  for (char& c : name) {
    if (c == '/') c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, SamplesTest, testing::ValuesIn(kSamples), name_of);

TEST(GatherSampleTest, TakesASecondAndNotThree) {
  Execution gather = run("gather");
  EXPECT_EQ(gather.output,
            "Square 1\n"
            "Square 2\n"
            "Square 3\n"
            "End square 1\n"
            "End square 2\n"
            "End square 3\n"
            "[1, 4, 9]\n");
  EXPECT_GE(gather.seconds, 1.0);
  // A machine that is busy delays one start or another; a program that sleeps for longer is slow each time.
  for (int i = 0; i < 10 && gather.seconds >= 3; ++i) gather = run("gather");
  EXPECT_LT(gather.seconds, 3.0);
}

TEST(GatherSampleTest, SaysWhatItsOptionsAre) {
  const Execution help = run("gather --help");
  EXPECT_NE(help.output.find("--virtual"), std::string::npos) << help.output;
  EXPECT_NE(help.output.find("--timeline"), std::string::npos) << help.output;
}

}  // namespace
}  // namespace vow
