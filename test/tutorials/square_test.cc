// The programs of tutorials about asyncio that square numbers, add them and wait, as coroutines. Each prints what its
// tutorial shows. Where the order is not the tutorial's, that says itself that its order may be another one.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "promise/as_completed.h"
#include "promise/coroutine.h"
#include "promise/create_task.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "test/tutorials/tutorial_test.h"

namespace vow {
namespace {

using SquareTutorialTest = TutorialTest;
using AddTutorialTest = TutorialTest;
using WaitTutorialTest = TutorialTest;

Promise<int> square(int x) {
  print("Square", x);
  co_await sleep(absl::Seconds(1));
  print("End square", x);
  co_return x* x;
}

TEST_F(SquareTutorialTest, OneSquareTakesASecond) {
  absl::StatusOr<int> results = run_until_complete(loop, square(1));
  print(*results);
  EXPECT_EQ(passed(), absl::Seconds(1));
  loop.close();
  EXPECT_EQ(output(),
            "0 Square 1\n"
            "1s End square 1\n"
            "1s 1\n");
}

// The tutorial shows 2, 1, 3, for gather may begin in any order. Here a coroutine begins when it is called, and timers for
// the same time go off in the order in which they were set: 1, 2, 3.
TEST_F(SquareTutorialTest, ThreeAtOnceTakeASecond) {
  absl::StatusOr<std::vector<int>> results = run_until_complete(loop, when_all({square(1), square(2), square(3)}));
  print(*results);
  EXPECT_EQ(output(),
            "0 Square 1\n"
            "0 Square 2\n"
            "0 Square 3\n"
            "1s End square 1\n"
            "1s End square 2\n"
            "1s End square 3\n"
            "1s [1, 4, 9]\n");
  EXPECT_EQ(passed(), absl::Seconds(1));
}

Promise<> when_done(std::vector<Promise<int>> tasks) {
  AsCompleted<int> results = as_completed(std::move(tasks));
  while (std::optional<Completion<int>> result = co_await results.next()) {
    print("Result:", co_await result->outcome);
  }
}

// The tutorial shows "something like" 2, 3, 1, then 3, 1, 2. As there, each result is printed as soon as it is there,
// before the next square ends.
TEST_F(SquareTutorialTest, ResultsArePrintedAsTheyComplete) {
  EXPECT_EQ(run_until_complete(loop, when_done({square(1), square(2), square(3)})), absl::OkStatus());
  EXPECT_EQ(output(),
            "0 Square 1\n"
            "0 Square 2\n"
            "0 Square 3\n"
            "1s End square 1\n"
            "1s Result: 1\n"
            "1s End square 2\n"
            "1s Result: 4\n"
            "1s End square 3\n"
            "1s Result: 9\n");
  EXPECT_EQ(passed(), absl::Seconds(1));
}

namespace nested {

Promise<int> compute_square(int x) {
  co_await sleep(absl::Seconds(1));
  co_return x* x;
}

Promise<int> square(int x) {
  print("Square", x);
  const int res = co_await compute_square(x);
  print("End square", x);
  co_return res;
}

}  // namespace nested

TEST_F(SquareTutorialTest, ACoroutineAwaitsAnother) {
  print(run_until_complete(loop, nested::square(3)).value());
  EXPECT_EQ(output(),
            "0 Square 3\n"
            "1s End square 3\n"
            "1s 9\n");
  EXPECT_EQ(passed(), absl::Seconds(1));
}

// An exercise, to which the tutorial gives no answer: add two numbers, and sleep for as many seconds as the sum has.
Promise<int> add(int a, int b) {
  const int sum = a + b;
  co_await sleep(absl::Seconds(sum));
  print(a, "+", b, "=", sum);
  co_return sum;
}

TEST_F(AddTutorialTest, OneSumTakesAsLongAsTheSum) {
  EXPECT_EQ(run_until_complete(loop, add(1, 2)).value(), 3);
  EXPECT_EQ(output(), "3s 1 + 2 = 3\n");
  EXPECT_EQ(passed(), absl::Seconds(3));
}

// The second exercise: two calls at once.
TEST_F(AddTutorialTest, TwoSumsTakeAsLongAsTheGreaterOne) {
  print(run_until_complete(loop, when_all({add(3, 4), add(1, 2)})).value());
  EXPECT_EQ(output(),
            "3s 1 + 2 = 3\n"
            "7s 3 + 4 = 7\n"
            "7s [7, 3]\n");
  EXPECT_EQ(passed(), absl::Seconds(7));
}

Promise<> example_coroutine(int) {
  const absl::Duration time_io_wait = absl::Seconds(3);
  co_await sleep(time_io_wait);
}

Promise<> main() {
  std::vector<Promise<>> tasks;
  const absl::Time t0 = EventLoop::current().now();
  for (int i = 0; i < 5; ++i) {
    print("time passed after iter", i, "is", EventLoop::current().now() - t0);
    tasks.push_back(create_task(example_coroutine, i));
  }
  co_await when_all(tasks);
}

// The tutorial's clock shows some microseconds after the first line, and 3.0033 seconds in the last one: what its machine
// needs. There is no loop to ask for the time when it is closed, so the last line comes before that.
TEST_F(WaitTutorialTest, FiveWaitsOfThreeSecondsTakeThreeSeconds) {
  const absl::Time t0 = loop.now();
  EXPECT_EQ(run_until_complete(loop, main()), absl::OkStatus());
  print("Total time needed was", loop.now() - t0);
  loop.close();
  EXPECT_EQ(output(),
            "0 time passed after iter 0 is 0\n"
            "0 time passed after iter 1 is 0\n"
            "0 time passed after iter 2 is 0\n"
            "0 time passed after iter 3 is 0\n"
            "0 time passed after iter 4 is 0\n"
            "3s Total time needed was 3s\n");
}

Promise<> function_name() {
  co_await sleep(absl::Seconds(1));
  co_return;
}

TEST_F(WaitTutorialTest, AFunctionThatReturnsNothingTakesASecond) {
  EXPECT_EQ(run_until_complete(loop, function_name()), absl::OkStatus());
  EXPECT_EQ(passed(), absl::Seconds(1));
  loop.close();
}

Promise<> my_function(std::string argument) {
  print(argument);
  co_return;
}

TEST_F(WaitTutorialTest, ATaskIsCreatedOnALoopThatRunsLater) {
  Promise<> future = create_task(my_function, "argument");
  EXPECT_EQ(output(), "");
  EXPECT_EQ(run_until_complete(loop, future), absl::OkStatus());
  loop.close();
  EXPECT_EQ(output(), "0 argument\n");
}

}  // namespace
}  // namespace vow
