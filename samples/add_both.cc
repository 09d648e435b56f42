// An exercise: two such sums at once take as long as the greater one. ("Asynchronous programming", exercise 2)
//
// Prints, after three seconds and after seven:
//   1 + 2 = 3
//   3 + 4 = 7
//   [7, 3]

#include <vector>

#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<int> add(int a, int b) {
  const sample::Span span(a, "+", b);
  const int sum = a + b;
  co_await vow::sleep(absl::Seconds(sum));
  print(a, "+", b, "=", sum);
  co_return sum;
}

vow::Promise<> add_both() {
  std::vector<vow::Promise<int>> sums;
  sums.push_back(add(3, 4));
  sums.push_back(add(1, 2));
  print(co_await vow::when_all(sums));
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(add_both, options));
}
