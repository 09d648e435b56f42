// A loop with an early exit, with callbacks: looks once a second, ten times at most, whether the water boils.
//
// Prints, a line each second:
//   40 degrees
//   60 degrees
//   80 degrees
//   100 degrees
//   tea

#include <functional>
#include <utility>

#include "loop/event_loop.h"
#include "samples/sample.h"

using sample::print;

void measure(int attempt, std::function<void(int)> done) {
  vow::EventLoop::current().call_later(absl::Seconds(1), [=] { done(20 + 20 * attempt); });
}

// A loop is a function that calls itself, and whatever a loop would keep in a variable is an argument.
void boil(int attempt, std::function<void(bool)> done) {
  if (attempt > 10) return done(false);
  measure(attempt, [attempt, done = std::move(done)](int degrees) {
    print(degrees, "degrees");
    if (degrees >= 100) return done(true);
    boil(attempt + 1, done);
  });
}

int main(int argc, char** argv) {
  vow::EventLoop loop(sample::options(argc, argv));
  boil(1, [](bool boils) { print(boils ? "tea" : "no tea"); });
  return sample::exit_code(loop.run());
}
