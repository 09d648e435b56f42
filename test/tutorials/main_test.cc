// The programs of tutorials about asyncio that have a main, as coroutines. Each prints what its tutorial shows.
//
// A coroutine begins when it is called, as in JavaScript; one of asyncio begins when it is awaited, and a task in a later
// turn of the loop. `co_await f()` and create_task(f) print the same as there. A call whose promise is awaited only later
// does not: see ACallThatNobodyAwaitsBeginsAtOnce. asyncio.gather(f(), g()) makes tasks of the two, and f begins when its
// caller waits; here both are called in statements of their own, because C++ leaves it open which argument of
// when_all(f(), g()) is evaluated first. That prints the same as there.

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/create_task.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "test/tutorials/tutorial_test.h"

namespace vow {
namespace {

using MainTutorialTest = TutorialTest;
using ExerciseTutorialTest = TutorialTest;
using MyAsyncFunctionTutorialTest = TutorialTest;

namespace awaited {

Promise<> print_something() {
  co_await sleep(absl::Seconds(1));
  print("something");
}

Promise<> main() {
  print("main");
  co_await print_something();
  print("main again");
}

}  // namespace awaited

TEST_F(MainTutorialTest, MainAwaitsACall) {
  EXPECT_EQ(run(awaited::main()), absl::OkStatus());
  EXPECT_EQ(output(),
            "0 main\n"
            "1s something\n"
            "1s main again\n");
  EXPECT_EQ(passed(), absl::Seconds(1));
}

namespace task {

Promise<> main() {
  print("main");
  Promise<> task = create_task(awaited::print_something);
  print("main again");
  co_await task;
  print("awaited");
}

}  // namespace task

TEST_F(MainTutorialTest, MainAwaitsATask) {
  EXPECT_EQ(run(task::main()), absl::OkStatus());
  EXPECT_EQ(output(),
            "0 main\n"
            "0 main again\n"
            "1s something\n"
            "1s awaited\n");
  EXPECT_EQ(passed(), absl::Seconds(1));
}

namespace returned {

Promise<std::string> print_something() {
  co_await sleep(absl::Seconds(1));
  print("something");
  co_return "finished";
}

Promise<> main() {
  print("main");
  Promise<std::string> task = create_task(print_something);
  print("main again");
  const std::string result = co_await task;
  print(result);
}

}  // namespace returned

TEST_F(MainTutorialTest, MainAwaitsWhatATaskReturns) {
  EXPECT_EQ(run(returned::main()), absl::OkStatus());
  EXPECT_EQ(output(),
            "0 main\n"
            "0 main again\n"
            "1s something\n"
            "1s finished\n");
  EXPECT_EQ(passed(), absl::Seconds(1));
}

namespace scheduling {

Promise<> print_values(std::vector<int> values, absl::Duration delay) {
  for (int item : values) {
    print(item);
    co_await sleep(delay);
  }
}

Promise<> main() {
  Promise<> task1 = create_task(print_values, std::vector{1, 3, 5}, absl::Seconds(0.2));
  Promise<> task2 = create_task(print_values, std::vector{2, 4}, absl::Seconds(0.3));
  co_await task1;
  co_await task2;
}

}  // namespace scheduling

TEST_F(MainTutorialTest, TwoTasksTakeTurns) {
  EXPECT_EQ(run(scheduling::main()), absl::OkStatus());
  EXPECT_EQ(output(),
            "0 1\n"
            "0 2\n"
            "200ms 3\n"
            "300ms 4\n"
            "400ms 5\n");
  EXPECT_EQ(passed(), absl::Milliseconds(600));
}

template <class Coroutine>
Promise<int> add_one(Coroutine coroutine) {
  const int result = co_await coroutine();
  co_return result + 1;
}

Promise<int> forty_one() {
  co_await sleep(absl::Seconds(1));
  co_return 41;
}

TEST_F(ExerciseTutorialTest, AddOneToWhatACoroutineReturns) {
  print(run(add_one(forty_one)).value());
  EXPECT_EQ(output(), "1s 42\n");
  EXPECT_EQ(passed(), absl::Seconds(1));
}

namespace append {

Promise<> append_two_values(std::vector<int>& list, int value1, int value2) {
  list.push_back(value1);
  co_await sleep(absl::Seconds(0.5));
  list.push_back(value2);
}

Promise<> main(std::vector<int>& list) {
  Promise<> first = append_two_values(list, 1, 4);
  Promise<> second = append_two_values(list, 3, 6);
  Promise<> third = append_two_values(list, 2, 5);
  co_await when_all(std::move(first), std::move(second), std::move(third));
}

}  // namespace append

// An exercise: the list is to read so in the end, in less than a second.
TEST_F(ExerciseTutorialTest, ThreeCallsAppendInTurn) {
  std::vector<int> list;
  EXPECT_EQ(run(append::main(list)), absl::OkStatus());
  print(list);
  EXPECT_EQ(output(), "500ms [1, 3, 2, 4, 6, 5]\n");
  EXPECT_EQ(passed(), absl::Milliseconds(500));
}

Promise<std::string> my_async_function1() {
  print("Hello from my async function 1");
  co_await sleep(absl::Seconds(3));
  print("Done with async function 1");
  co_return "my_async_function1 result";
}

Promise<std::string> my_async_function2() {
  print("Hello from my async function 2");
  co_await sleep(absl::Seconds(2));
  print("Done with async function 2");
  co_return "my_async_function2 result";
}

using Results = std::tuple<std::string, std::string>;

Promise<Results> await_in_turn() {
  print("Starting main function");
  std::string result1 = co_await my_async_function1();
  std::string result2 = co_await my_async_function2();
  print("Done with main function");
  co_return Results(result1, result2);
}

TEST_F(MyAsyncFunctionTutorialTest, AwaitedInTurnTakesFiveSeconds) {
  print(run(await_in_turn()).value());
  EXPECT_EQ(output(),
            "0 Starting main function\n"
            "0 Hello from my async function 1\n"
            "3s Done with async function 1\n"
            "3s Hello from my async function 2\n"
            "5s Done with async function 2\n"
            "5s Done with main function\n"
            "5s ('my_async_function1 result', 'my_async_function2 result')\n");
  EXPECT_EQ(passed(), absl::Seconds(5));
}

// The output of the two programs that follow.
constexpr char kSideBySide[] =
    "0 Starting main function\n"
    "0 Hello from my async function 1\n"
    "0 Hello from my async function 2\n"
    "2s Done with async function 2\n"
    "3s Done with async function 1\n"
    "3s Done with main function\n"
    "3s ('my_async_function1 result', 'my_async_function2 result')\n";

Promise<Results> gather() {
  print("Starting main function");
  Promise<std::string> first = my_async_function1();
  Promise<std::string> second = my_async_function2();
  auto [result1, result2] = co_await when_all(std::move(first), std::move(second));
  print("Done with main function");
  co_return Results(result1, result2);
}

TEST_F(MyAsyncFunctionTutorialTest, GatheredTakesThreeSeconds) {
  print(run(gather()).value());
  EXPECT_EQ(output(), kSideBySide);
  EXPECT_EQ(passed(), absl::Seconds(3));
}

Promise<Results> await_tasks() {
  print("Starting main function");
  Promise<std::string> task1 = create_task(my_async_function1);
  Promise<std::string> task2 = create_task(my_async_function2);
  std::string result1 = co_await task1;
  std::string result2 = co_await task2;
  print("Done with main function");
  co_return Results(result1, result2);
}

TEST_F(MyAsyncFunctionTutorialTest, AsTasksTakesThreeSeconds) {
  print(run(await_tasks()).value());
  EXPECT_EQ(output(), kSideBySide);
  EXPECT_EQ(passed(), absl::Seconds(3));
}

namespace unwaited {

Promise<> my_async_function1() {
  print("Hello from my async function 1");
  co_await sleep(absl::Seconds(2));
  print("Done with async function 1");
}

Promise<> my_async_function2() {
  print("Hello from my async function 2");
  co_await sleep(absl::Seconds(1));
  print("Done with async function 2");
}

Promise<> main_async_function() {
  print("Starting main function");
  create_task(my_async_function1);
  create_task(my_async_function2);
  print("main function doing other work");
  co_await sleep(absl::Seconds(3));
  print("Done with main function");
}

// The same without tasks.
Promise<> call_at_once() {
  print("Starting main function");
  my_async_function1();
  my_async_function2();
  print("main function doing other work");
  co_await sleep(absl::Seconds(3));
  print("Done with main function");
}

}  // namespace unwaited

TEST_F(MyAsyncFunctionTutorialTest, NotWaitedForTheyRunNevertheless) {
  EXPECT_EQ(run(unwaited::main_async_function()), absl::OkStatus());
  EXPECT_EQ(output(),
            "0 Starting main function\n"
            "0 main function doing other work\n"
            "0 Hello from my async function 1\n"
            "0 Hello from my async function 2\n"
            "1s Done with async function 2\n"
            "2s Done with async function 1\n"
            "3s Done with main function\n");
  EXPECT_EQ(passed(), absl::Seconds(3));
}

// Not in a tutorial: asyncio would not run the two functions at all, and warn that they were never awaited.
TEST_F(MyAsyncFunctionTutorialTest, ACallThatNobodyAwaitsBeginsAtOnce) {
  EXPECT_EQ(run(unwaited::call_at_once()), absl::OkStatus());
  EXPECT_EQ(output(),
            "0 Starting main function\n"
            "0 Hello from my async function 1\n"
            "0 Hello from my async function 2\n"
            "0 main function doing other work\n"
            "1s Done with async function 2\n"
            "2s Done with async function 1\n"
            "3s Done with main function\n");
  EXPECT_EQ(passed(), absl::Seconds(3));
}

}  // namespace
}  // namespace vow
