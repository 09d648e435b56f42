// A loop of one's own: make it, add tasks, run it until one is complete, close it. ("Write an asynchronous code")
//
// Prints, at once and after a second:
//   argument
//   done

#include <string>

#include "promise/coroutine.h"
#include "promise/create_task.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<> my_function(std::string argument) {
  print(argument);
  co_await vow::sleep(absl::Seconds(1));
  print("done");
}

int main(int argc, char** argv) {
  vow::EventLoop loop(sample::options(argc, argv));
  vow::Promise<> future = vow::create_task(my_function, "argument");  // Begins when the loop runs.
  const absl::Status status = vow::run_until_complete(loop, future);
  loop.close();
  return sample::exit_code(status);
}
