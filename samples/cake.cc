// The cake takes an hour, a quarter of it for the dough and the rest in the oven; the groceries take twenty minutes. One after
// the other, that is 80 minutes. But nobody need stand by the oven: then it is 60. ("Asyncronous code")
//
// Prints (a minute takes a twentieth of a second):
//   synchronously: 80 minutes
//   asynchronously: 60 minutes

#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<> minutes(int count) { return vow::sleep(count * absl::Milliseconds(50)); }

vow::Promise<> make_dough() {
  const sample::Span span("dough");
  co_await minutes(15);
}

vow::Promise<> bake() {
  const sample::Span span("oven");
  co_await minutes(45);
}

vow::Promise<> buy_groceries() {
  const sample::Span span("groceries");
  co_await minutes(20);
}

vow::Promise<> synchronously() {
  co_await make_dough();
  co_await bake();
  co_await buy_groceries();
}

vow::Promise<> asynchronously() {
  co_await make_dough();
  vow::Promise<> cake = bake();
  co_await buy_groceries();
  co_await cake;
}

vow::Promise<> compare() {
  const double start = sample::seconds_passed();
  co_await synchronously();
  const double middle = sample::seconds_passed();
  print("synchronously:", static_cast<int>((middle - start) * 20 + 0.5), "minutes");
  co_await asynchronously();
  print("asynchronously:", static_cast<int>((sample::seconds_passed() - middle) * 20 + 0.5), "minutes");
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(compare, options));
}
