// One call after the other: each sleeps for a second, and all of them together take three. ("Asynchronous programming")
//
// Prints, a second after each "Square":
//   Square 1
//   End square 1
//   Square 2
//   End square 2
//   Square 3
//   End square 3
//   [1, 4, 9]

#include <vector>

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

vow::Promise<> sequential() {
  std::vector<int> squares;
  for (int x : {1, 2, 3}) squares.push_back(co_await square(x));
  print(squares);
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(sequential, options));
}
