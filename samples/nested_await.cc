// A coroutine that awaits another. ("Asynchronous programming": compute_square)
//
// Prints, over a second:
//   Square 3
//   End square 3
//   9

#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<int> compute_square(int x) {
  co_await vow::sleep(absl::Seconds(1));
  co_return x* x;
}

vow::Promise<int> square(int x) {
  print("Square", x);
  const int res = co_await compute_square(x);
  print("End square", x);
  co_return res;
}

vow::Promise<> print_square() { print(co_await square(3)); }

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(print_square, options));
}
