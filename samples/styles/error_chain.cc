// An error in the middle, in a chain of promises: whoever has no order is sent nothing, and the shop closes in any case.
//
// Prints, over four seconds:
//   packing order 17
//   ada: sent
//   close
//   bob: NOT_FOUND: bob has no order
//   close

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "samples/sample.h"

using sample::print;

using Name = std::string;

vow::Promise<int> find_order(Name name) {
  return vow::sleep(absl::Seconds(1)).then([name]() -> absl::StatusOr<int> {
    if (name == "ada") return 17;
    return absl::NotFoundError(name + " has no order");
  });
}

vow::Promise<> send(int order) {
  print("packing order", order);
  return vow::sleep(absl::Seconds(1));
}

// An error passes by every `then`.
vow::Promise<> serve(Name name) {
  return find_order(name)
      .then(send)
      .then([name] { print(name + ":", "sent"); })
      .catch_([name](absl::Status error) { print(name + ":", error); })
      .finally([] { print("close"); });
}

vow::Promise<> serve_both() {
  return serve("ada").then([] { return vow::sleep(absl::Seconds(1)); }).then([] { return serve("bob"); });
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(serve_both, options));
}
