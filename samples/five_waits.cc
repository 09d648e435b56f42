// Five waits of three seconds, all at once: three seconds. five_waits_blocking.cc has the same one after the other.
// ("Asyncronous code": test_async.py)
//
// Prints, with --virtual exactly so, and on a real clock with a few microseconds more:
//   time passed after iter 0 is 0.0
//   time passed after iter 1 is 0.0
//   time passed after iter 2 is 0.0
//   time passed after iter 3 is 0.0
//   time passed after iter 4 is 0.0
//
//   Total time needed was 3.0

#include <vector>

#include "promise/coroutine.h"
#include "promise/create_task.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<> example_coroutine(int i) {
  const sample::Span span("wait", i);
  const absl::Duration time_io_wait = absl::Seconds(3);
  co_await vow::sleep(time_io_wait);
}

vow::Promise<> wait_five_times() {
  std::vector<vow::Promise<>> tasks;
  const double t0 = sample::seconds_passed();
  for (int i = 0; i < 5; ++i) {
    print("time passed after iter", i, "is", sample::seconds_passed() - t0);
    tasks.push_back(vow::create_task(example_coroutine, i));
  }
  co_await vow::when_all(tasks);
}

int main(int argc, char** argv) {
  vow::EventLoop loop(sample::options(argc, argv));
  const double t0 = sample::seconds_passed();
  const absl::Status status = vow::run_until_complete(loop, wait_five_times());
  print("\nTotal time needed was", sample::seconds_passed() - t0);
  print();
  return sample::exit_code(status);
}
