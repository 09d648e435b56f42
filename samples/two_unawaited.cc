// Two tasks that nobody waits for: they run nevertheless. ("asyncio": don't wait)
//
// Prints, over three seconds:
//   Starting main function
//   main function doing other work
//   Hello from my async function 1
//   Hello from my async function 2
//   Done with async function 2
//   Done with async function 1
//   Done with main function
//
// A program that ends earlier than its tasks ends them, here as in asyncio.

#include "promise/coroutine.h"
#include "promise/create_task.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<> my_async_function1() {
  const sample::Span span("function 1");
  print("Hello from my async function 1");
  co_await vow::sleep(absl::Seconds(2));
  print("Done with async function 1");
}

vow::Promise<> my_async_function2() {
  const sample::Span span("function 2");
  print("Hello from my async function 2");
  co_await vow::sleep(absl::Seconds(1));
  print("Done with async function 2");
}

vow::Promise<> main_async_function() {
  print("Starting main function");
  vow::create_task(my_async_function1);
  vow::create_task(my_async_function2);
  print("main function doing other work");
  co_await vow::sleep(absl::Seconds(3));
  print("Done with main function");
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(main_async_function, options));
}
