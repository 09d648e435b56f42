// gather.cc with callbacks: three calls at once, and their results in order.

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "loop/event_loop.h"
#include "samples/sample.h"

using sample::print;

void square(int x, std::function<void(int)> done) {
  print("Square", x);
  vow::EventLoop::current().call_later(absl::Seconds(1), [x, done = std::move(done)] {
    print("End square", x);
    done(x * x);
  });
}

// Who comes last calls `done`. Where the results are until then is for this function to see to.
void gather(std::function<void(const std::vector<int>&)> done) {
  struct Results {
    std::vector<int> squares = std::vector<int>(3);
    int missing = 3;
  };
  auto results = std::make_shared<Results>();
  for (int i = 0; i < 3; ++i) {
    square(i + 1, [results, i, done](int result) {
      results->squares[i] = result;
      if (--results->missing == 0) done(results->squares);
    });
  }
}

int main(int argc, char** argv) {
  vow::EventLoop loop(sample::options(argc, argv));
  gather([](const std::vector<int>& squares) { print(squares); });
  return sample::exit_code(loop.run());
}
