// An error in the middle, with async/await: whoever has no order is sent nothing, and the shop closes in any case.
//
// Prints, over four seconds:
//   packing order 17
//   ada: sent
//   close
//   bob: NOT_FOUND: bob has no order
//   close

#include <string>

#include "absl/status/status.h"
#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

using Name = std::string;

vow::Promise<int> find_order(Name name) {
  co_await vow::sleep(absl::Seconds(1));
  if (name != "ada") co_return absl::NotFoundError(name + " has no order");
  co_return 17;
}

vow::Promise<> send(int order) {
  print("packing order", order);
  co_await vow::sleep(absl::Seconds(1));
}

// An error ends the function at its co_await.
vow::Promise<> send_order(Name name) {
  const int order = co_await find_order(name);
  co_await send(order);
  print(name + ":", "sent");
}

vow::Promise<> serve(Name name) {
  const absl::Status status = co_await send_order(name).settled();
  if (!status.ok()) print(name + ":", status);
  print("close");
}

vow::Promise<> serve_both() {
  co_await serve("ada");
  co_await vow::sleep(absl::Seconds(1));
  co_await serve("bob");
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(serve_both, options));
}
