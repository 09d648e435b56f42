// The smallest asynchronous program: one call that takes a second. ("Asynchronous programming": square(1))
//
// Prints, over a second:
//   Square 1
//   End square 1
//   1

#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<int> square(int x) {
  print("Square", x);
  co_await vow::sleep(absl::Seconds(1));
  print("End square", x);
  co_return x* x;
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  const absl::StatusOr<int> result = vow::run([] { return square(1); }, options);
  if (result.ok()) print(*result);
  return sample::exit_code(result);
}
