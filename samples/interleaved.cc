// Two tasks that take turns, for they wait for 0.2 and 0.3 seconds in between. ("Asynchronous Programming", scheduling tasks)
//
// Prints, over 0.6 seconds:
//   1
//   2
//   3
//   4
//   5

#include <vector>

#include "promise/coroutine.h"
#include "promise/create_task.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<> print_values(std::vector<int> values, absl::Duration delay) {
  const sample::Span span("every", absl::ToDoubleSeconds(delay), "s");
  for (int item : values) {
    print(item);
    co_await vow::sleep(delay);
  }
}

vow::Promise<> async_main() {
  vow::Promise<> task1 = vow::create_task(print_values, std::vector{1, 3, 5}, absl::Seconds(0.2));
  vow::Promise<> task2 = vow::create_task(print_values, std::vector{2, 4}, absl::Seconds(0.3));
  co_await task1;
  co_await task2;
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(async_main, options));
}
