// An exercise: add_one takes a coroutine, calls it, and returns what it returned plus one. ("Asynchronous Programming",
// exercise one)
//
// Prints, after a second:
//   42

#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

template <class Coroutine>
vow::Promise<int> add_one(Coroutine coroutine) {
  const int result = co_await coroutine();
  co_return result + 1;
}

vow::Promise<int> forty_one() {
  co_await vow::sleep(absl::Seconds(1));
  co_return 41;
}

vow::Promise<> print_sum() { print(co_await add_one(forty_one)); }

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(print_sum, options));
}
