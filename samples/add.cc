// An exercise: a function that adds two numbers, and sleeps for as many seconds as the sum has. ("Asynchronous programming",
// exercise 1)
//
// Prints, after three seconds:
//   1 + 2 = 3

#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<int> add(int a, int b) {
  const int sum = a + b;
  co_await vow::sleep(absl::Seconds(sum));
  print(a, "+", b, "=", sum);
  co_return sum;
}

vow::Promise<int> add_one_and_two() { return add(1, 2); }

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(add_one_and_two, options));
}
