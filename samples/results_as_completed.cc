// Each result as soon as it is there. ("Asynchronous programming": as_completed)
//
// Prints, after the first three lines a second later the others:
//   Square 1
//   Square 2
//   Square 3
//   End square 1
//   Result: 1
//   End square 2
//   Result: 4
//   End square 3
//   Result: 9
//
// The tutorial shows "something like" it, in another order: see gather.cc.

#include <utility>
#include <vector>

#include "promise/as_completed.h"
#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<int> square(int x) {
  const sample::Span span("square", x);
  print("Square", x);
  co_await vow::sleep(absl::Seconds(1));
  print("End square", x);
  co_return x* x;
}

vow::Promise<> print_when_done() {
  std::vector<vow::Promise<int>> calls;
  for (int x : {1, 2, 3}) calls.push_back(square(x));
  vow::AsCompleted<int> results = vow::as_completed(std::move(calls));
  while (auto result = co_await results.next()) {
    print("Result:", co_await result->outcome);  // An absl::StatusOr: an error would end this coroutine, too.
  }
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(print_when_done, options));
}
