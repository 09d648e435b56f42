// The two functions of two_in_turn.cc, gathered: three seconds. ("asyncio": gather)
//
// Prints:
//   Starting main function
//   Hello from my async function 1
//   Hello from my async function 2
//   Done with async function 2
//   Done with async function 1
//   Done with main function
//   ('my_async_function1 result', 'my_async_function2 result')

#include <string>
#include <tuple>

#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<std::string> my_async_function1() {
  const sample::Span span("function 1");
  print("Hello from my async function 1");
  co_await vow::sleep(absl::Seconds(3));
  print("Done with async function 1");
  co_return "my_async_function1 result";
}

vow::Promise<std::string> my_async_function2() {
  const sample::Span span("function 2");
  print("Hello from my async function 2");
  co_await vow::sleep(absl::Seconds(2));
  print("Done with async function 2");
  co_return "my_async_function2 result";
}

using Results = std::tuple<std::string, std::string>;

vow::Promise<Results> main_async_function() {
  print("Starting main function");
  // In statements of their own: C++ leaves it open which argument is evaluated first.
  vow::Promise<std::string> first = my_async_function1();
  vow::Promise<std::string> second = my_async_function2();
  auto [result1, result2] = co_await vow::when_all(first, second);
  print("Done with main function");
  co_return Results(result1, result2);
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  const absl::StatusOr<Results> result = vow::run(main_async_function, options);
  if (result.ok()) print(*result);
  return sample::exit_code(result);
}
