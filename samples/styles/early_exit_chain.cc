// A loop with an early exit, in a chain of promises: looks once a second, ten times at most, whether the water boils.
//
// Prints, a line each second:
//   40 degrees
//   60 degrees
//   80 degrees
//   100 degrees
//   tea

#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<int> measure(int attempt) {
  return vow::sleep(absl::Seconds(1)).then([attempt] { return 20 + 20 * attempt; });
}

// A loop is a function that returns the promise of its next round. However many there are, they take constant memory.
vow::Promise<bool> boil(int attempt) {
  if (attempt > 10) return false;
  return measure(attempt).then([attempt](int degrees) -> vow::Promise<bool> {
    print(degrees, "degrees");
    if (degrees >= 100) return true;
    return boil(attempt + 1);
  });
}

vow::Promise<> make_tea() {
  return boil(1).then([](bool boils) { print(boils ? "tea" : "no tea"); });
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(make_tea, options));
}
