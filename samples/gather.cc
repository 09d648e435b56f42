// Three calls at once: each sleeps for a second, and all of them together take one. ("Asynchronous programming": gather)
//
// Prints, after the first three lines a second later the others:
//   Square 1
//   Square 2
//   Square 3
//   End square 1
//   End square 2
//   End square 3
//   [1, 4, 9]
//
// The tutorial shows another order, for asyncio's gather may begin in any. Here calls begin in the order in which they are
// made, and sleeps that end at the same time end in the order in which they began.

#include <vector>

#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<int> square(int x) {
  const sample::Span span("square", x);
  print("Square", x);
  co_await vow::sleep(absl::Seconds(1));
  print("End square", x);
  co_return x* x;
}

vow::Promise<> gather() {
  std::vector<vow::Promise<int>> calls;
  for (int x : {1, 2, 3}) calls.push_back(square(x));  // Each runs until its first co_await.
  print(co_await vow::when_all(calls));
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(gather, options));
}
