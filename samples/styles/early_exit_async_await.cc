// A loop with an early exit, with async/await: looks once a second, ten times at most, whether the water boils.
//
// Prints, a line each second:
//   40 degrees
//   60 degrees
//   80 degrees
//   100 degrees
//   tea

#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<int> measure(int attempt) {
  co_await vow::sleep(absl::Seconds(1));
  co_return 20 + 20 * attempt;
}

vow::Promise<bool> boil() {
  for (int attempt = 1; attempt <= 10; ++attempt) {
    const int degrees = co_await measure(attempt);
    print(degrees, "degrees");
    if (degrees >= 100) co_return true;
  }
  co_return false;
}

vow::Promise<> make_tea() { print(co_await boil() ? "tea" : "no tea"); }

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(make_tea, options));
}
