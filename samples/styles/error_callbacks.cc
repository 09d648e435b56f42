// An error in the middle, with callbacks: whoever has no order is sent nothing, and the shop closes in any case.
//
// Prints, over four seconds:
//   packing order 17
//   ada: sent
//   close
//   bob: NOT_FOUND: bob has no order
//   close

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loop/event_loop.h"
#include "samples/sample.h"

using sample::print;

using Name = std::string;

void find_order(Name name, std::function<void(absl::StatusOr<int>)> done) {
  vow::EventLoop::current().call_later(absl::Seconds(1), [name, done = std::move(done)] {
    if (name == "ada") return done(17);
    done(absl::NotFoundError(name + " has no order"));
  });
}

void send(int order, std::function<void(absl::Status)> done) {
  print("packing order", order);
  vow::EventLoop::current().call_later(absl::Seconds(1), [done = std::move(done)] { done(absl::OkStatus()); });
}

// Each step looks at the error of the one before; each way out must call `done`, once; and close.
void serve(Name name, std::function<void()> done) {
  auto finish = [name, done = std::move(done)](absl::Status status) {
    if (!status.ok()) print(name + ":", status);
    print("close");
    done();
  };
  find_order(name, [name, finish](absl::StatusOr<int> order) {
    if (!order.ok()) return finish(order.status());
    send(*order, [name, finish](absl::Status status) {
      if (!status.ok()) return finish(status);
      print(name + ":", "sent");
      finish(absl::OkStatus());
    });
  });
}

int main(int argc, char** argv) {
  vow::EventLoop loop(sample::options(argc, argv));
  serve("ada", [&loop] { loop.call_later(absl::Seconds(1), [] { serve("bob", [] {}); }); });
  return sample::exit_code(loop.run());
}
