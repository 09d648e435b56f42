// An asynchronous generator, read to its end. ("Asynchronous Programming": async for)
//
// Prints, a line each second:
//   3
//   2
//   1
//   lift-off

#include <optional>

#include "promise/coroutine.h"
#include "promise/generator.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::AsyncGenerator<int> countdown(int from) {
  for (int i = from; i > 0; --i) {
    co_yield i;
    co_await vow::sleep(absl::Seconds(1));
  }
}

vow::Promise<> launch() {
  vow::AsyncGenerator<int> numbers = countdown(3);
  while (std::optional<int> number = co_await numbers.next()) print(*number);
  print("lift-off");
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(launch, options));
}
