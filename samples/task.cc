// A task that is started, and awaited later. ("Asynchronous Programming", async task example)
//
// Prints, over a second:
//   main
//   main again
//   something
//   awaited

#include "promise/coroutine.h"
#include "promise/create_task.h"
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
  vow::Promise<> task = vow::create_task(print_something);
  print("main again");
  co_await task;
  print("awaited");
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(async_main, options));
}
