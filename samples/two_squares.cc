// The program of README.md.
//
// Prints, after a second:
//   4 9

#include <iostream>

#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"

vow::Promise<int> square(int x) {
  return vow::sleep(absl::Seconds(1)).then([x] { return x * x; });
}

int main() {
  absl::StatusOr<std::vector<int>> squares = vow::run([] { return vow::when_all({square(2), square(3)}); });
  if (!squares.ok()) return 1;
  std::cout << squares->at(0) << " " << squares->at(1) << "\n";  // 4 9, after one second, not two
}
