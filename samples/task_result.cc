// A task's result. ("Asynchronous Programming", awaiting a returned value)
//
// Prints, over a second:
//   main
//   main again
//   something
//   finished

#include <string>

#include "promise/coroutine.h"
#include "promise/create_task.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<std::string> print_something() {
  co_await vow::sleep(absl::Seconds(1));
  print("something");
  co_return "finished";
}

vow::Promise<> async_main() {
  print("main");
  vow::Promise<std::string> task = vow::create_task(print_something);
  print("main again");
  const std::string result = co_await task;
  print(result);
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(async_main, options));
}
