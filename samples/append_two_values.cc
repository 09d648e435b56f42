// An exercise: calls, all at once, after which the list is [1, 3, 2, 4, 6, 5], in less than a second. ("Asynchronous
// Programming", exercise two)
//
// Prints, after half a second:
//   [1, 3, 2, 4, 6, 5]

#include <vector>

#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<> append_two_values(std::vector<int>& list, int value1, int value2) {
  const sample::Span span(value1, "and", value2);
  list.push_back(value1);
  co_await vow::sleep(absl::Seconds(0.5));
  list.push_back(value2);
}

vow::Promise<> async_main() {
  std::vector<int> list;
  std::vector<vow::Promise<>> calls;
  calls.push_back(append_two_values(list, 1, 4));
  calls.push_back(append_two_values(list, 3, 6));
  calls.push_back(append_two_values(list, 2, 5));
  co_await vow::when_all(calls);
  print(list);
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(async_main, options));
}
