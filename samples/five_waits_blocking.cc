// Five waits of three seconds, each of which holds up everything: fifteen seconds. ("Asyncronous code": test_noasync.py)
//
// Prints, with --virtual exactly so:
//   time after iter 0 is 0.0
//   time after iter 1 is 3.0
//   time after iter 2 is 6.0
//   time after iter 3 is 9.0
//   time after iter 4 is 12.0
//
//   Total time needed was 15.0

#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

// Does not return before the time has passed, as time.sleep or std::this_thread::sleep_for do; but by the loop's clock, so
// that --virtual works.
void blocking_sleep(vow::EventLoop& loop, absl::Duration delay) {
  vow::run_until_complete(loop, vow::sleep(delay)).IgnoreError();
}

void example_function(vow::EventLoop& loop, int i) {
  const sample::Span span("wait", i);
  const absl::Duration time_io_wait = absl::Seconds(3);
  blocking_sleep(loop, time_io_wait);
}

int main(int argc, char** argv) {
  vow::EventLoop loop(sample::options(argc, argv));
  const double t0 = sample::seconds_passed();
  for (int i = 0; i < 5; ++i) {
    print("time after iter", i, "is", sample::seconds_passed() - t0);
    example_function(loop, i);
  }
  print("\nTotal time needed was", sample::seconds_passed() - t0);
  print();
  return sample::exit_code(absl::OkStatus());
}
