// The cake and the groceries, with callbacks. What is to come after a wait is a function that is handed on.
//
// Prints, three seconds in all (a minute takes a twentieth of a second):
//   make the dough
//   cake into the oven
//   off to the shop
//   back with the groceries
//   the cake is done
//   the table is set

#include <functional>
#include <memory>
#include <utility>

#include "loop/event_loop.h"
#include "samples/sample.h"

using sample::print;

template <class Callback>
void after_minutes(int count, Callback next) {
  vow::EventLoop::current().call_later(count * absl::Milliseconds(50), std::move(next));
}

void bake(std::function<void()> done) {
  print("cake into the oven");
  after_minutes(45, [done = std::move(done), span = sample::Span("oven")] {
    print("the cake is done");
    done();
  });
}

void buy_groceries(std::function<void()> done) {
  print("off to the shop");
  after_minutes(20, [done = std::move(done), span = sample::Span("groceries")] {
    print("back with the groceries");
    done();
  });
}

void prepare_tea() {
  print("make the dough");
  after_minutes(15, [span = sample::Span("dough")] {
    auto missing = std::make_shared<int>(2);
    auto done = [missing] {
      if (--*missing == 0) print("the table is set");
    };
    bake(done);
    buy_groceries(done);
  });
}

int main(int argc, char** argv) {
  vow::EventLoop loop(sample::options(argc, argv));
  prepare_tea();
  return sample::exit_code(loop.run());
}
