// The smallest asynchronous program: one call that takes a second.
//
// Prints, over a second:
//   Square 1
//   End square 1
//   1

#include <iostream>

#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"

vow::Promise<int> square(int x) {
  std::cout << "Square " << x << std::endl;
  return vow::sleep(absl::Seconds(1)).then([x] {
    std::cout << "End square " << x << std::endl;
    return x * x;
  });
}

int main() {
  absl::StatusOr<int> result = vow::run([] { return square(1); });
  if (!result.ok()) {
    std::cerr << result.status() << "\n";
    return 1;
  }
  std::cout << *result << "\n";
}
