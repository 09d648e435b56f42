// Three calls at once: each sleeps for a second, and all of them together take one.
//
// Prints, after the first three lines a second later the others:
//   Square 1
//   Square 2
//   Square 3
//   End square 1
//   End square 2
//   End square 3
//   [1, 4, 9]
//
// With --virtual the same program runs in virtual time: in no time at all, with the same output.

#include <iostream>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_join.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"

ABSL_FLAG(bool, virtual, false, "run in virtual time");

vow::Promise<int> square(int x) {
  std::cout << "Square " << x << std::endl;
  return vow::sleep(absl::Seconds(1)).then([x] {
    std::cout << "End square " << x << std::endl;
    return x * x;
  });
}

vow::Promise<> gather() {
  return vow::when_all({square(1), square(2), square(3)}).then([](const std::vector<int>& squares) {
    std::cout << "[" << absl::StrJoin(squares, ", ") << "]" << std::endl;
  });
}

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const vow::Clock clock = absl::GetFlag(FLAGS_virtual) ? vow::Clock::kVirtual : vow::Clock::kSystem;
  const absl::Status status = vow::run(gather, {.clock = clock});
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
