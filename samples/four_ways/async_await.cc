// The cake and the groceries, with async/await. The compiler makes of each function what callbacks.cc has written out by hand.
//
// Prints, three seconds in all (a minute takes a twentieth of a second):
//   make the dough
//   cake into the oven
//   off to the shop
//   back with the groceries
//   the cake is done
//   the table is set

#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<> minutes(int count) { return vow::sleep(count * absl::Milliseconds(50)); }

vow::Promise<> make_dough() {
  const sample::Span span("dough");
  print("make the dough");
  co_await minutes(15);
}

vow::Promise<> bake() {
  const sample::Span span("oven");
  print("cake into the oven");
  co_await minutes(45);
  print("the cake is done");
}

vow::Promise<> buy_groceries() {
  const sample::Span span("groceries");
  print("off to the shop");
  co_await minutes(20);
  print("back with the groceries");
}

vow::Promise<> prepare_tea() {
  co_await make_dough();
  vow::Promise<> cake = bake();
  vow::Promise<> groceries = buy_groceries();
  co_await vow::when_all(cake, groceries);
  print("the table is set");
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(prepare_tea, options));
}
