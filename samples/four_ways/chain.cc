// The cake and the groceries, with a chain of promises. Each wait gives a promise, and `then` says what comes after it.
//
// Prints, three seconds in all (a minute takes a twentieth of a second):
//   make the dough
//   cake into the oven
//   off to the shop
//   back with the groceries
//   the cake is done
//   the table is set

#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<> minutes(int count) { return vow::sleep(count * absl::Milliseconds(50)); }

vow::Promise<> make_dough() {
  print("make the dough");
  return minutes(15).then([span = sample::Span("dough")] {});
}

vow::Promise<> bake() {
  print("cake into the oven");
  return minutes(45).then([span = sample::Span("oven")] { print("the cake is done"); });
}

vow::Promise<> buy_groceries() {
  print("off to the shop");
  return minutes(20).then([span = sample::Span("groceries")] { print("back with the groceries"); });
}

vow::Promise<> prepare_tea() {
  return make_dough()
      .then([] {
        return vow::when_all({bake(), buy_groceries()});
      })
      .then([] { print("the table is set"); });
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(prepare_tea, options));
}
