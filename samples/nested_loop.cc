// A loop that is run while it runs: as in a notebook, where all code is called by a loop. It is an error, unless the loop's
// options allow it; asyncio needs nest_asyncio for that. ("Write an asynchronous code": nest_asyncio)
//
// Prints, the last three lines over a second:
//   refused: FAILED_PRECONDITION
//   Square 1
//   End square 1
//   1

#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<int> square(int x) {
  print("Square", x);
  co_await vow::sleep(absl::Seconds(1));
  print("End square", x);
  co_return x* x;
}

// A cell of a notebook: an ordinary function, which waits for a promise without returning.
void cell(vow::EventLoop& loop) {
  const absl::Status runnable = loop.check_runnable("cell");
  if (!runnable.ok()) return print("refused:", absl::StatusCodeToString(runnable.code()));
  print(vow::run_until_complete(loop, square(1)).value_or(-1));
}

// Calls the cell from a callback of a loop.
absl::Status run_notebook(vow::LoopOptions options) {
  vow::EventLoop loop(options);
  loop.call_soon([&] {
    cell(loop);
    loop.stop();
  });
  return loop.run_forever();
}

int main(int argc, char** argv) {
  vow::LoopOptions options = sample::options(argc, argv);
  absl::Status status = run_notebook(options);
  options.allow_nested_runs = true;
  status.Update(run_notebook(options));
  return sample::exit_code(status);
}
