// gather.cc with a chain of promises: three calls at once, and their results in order.

#include <vector>

#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<int> square(int x) {
  print("Square", x);
  return vow::sleep(absl::Seconds(1)).then([x] {
    print("End square", x);
    return x * x;
  });
}

vow::Promise<> gather() {
  return vow::when_all({square(1), square(2), square(3)}).then([](const std::vector<int>& squares) { print(squares); });
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(gather, options));
}
