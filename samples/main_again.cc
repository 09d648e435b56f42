// Main waits for what it calls. ("Asynchronous Programming", async await example)
//
// Prints, over a second:
//   main
//   something
//   main again

#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<> print_something() {
  co_await vow::sleep(absl::Seconds(1));
  print("something");
}

vow::Promise<> async_main() {
  print("main");
  co_await print_something();
  print("main again");
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(async_main, options));
}
