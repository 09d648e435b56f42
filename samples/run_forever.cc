// A loop that runs for ever, until it is told to stop. ("Write an asynchronous code": run_forever, close)
//
// Prints, a line each second:
//   tick 1
//   tick 2
//   tick 3
//   stopped; the loop can go on:
//   tick 4
//   closing: what is still to come is dropped

#include "promise/coroutine.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<> tick() {
  for (int i = 1;; ++i) {
    co_await vow::sleep(absl::Seconds(1));
    print("tick", i);
  }
}

int main(int argc, char** argv) {
  vow::EventLoop loop(sample::options(argc, argv));
  tick();
  loop.call_later(absl::Milliseconds(3500), [&] { loop.stop(); });
  absl::Status status = loop.run_forever();
  print("stopped; the loop can go on:");
  loop.call_later(absl::Seconds(1), [&] { loop.stop(); });
  status.Update(loop.run_forever());
  print("closing: what is still to come is dropped");
  loop.close();
  return sample::exit_code(status);
}
