// One call after the other: each sleeps for a second, and all of them together take three.
//
// Prints, a second after each "Square":
//   Square 1
//   End square 1
//   Square 2
//   End square 2
//   Square 3
//   End square 3
//   [1, 4, 9]
//
// With --virtual the same program runs in virtual time: in no time at all, with the same output.

#include <iostream>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_join.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"

ABSL_FLAG(bool, virtual, false, "run in virtual time");

vow::Promise<int> square(int x) {
  std::cout << "Square " << x << std::endl;
  return vow::sleep(absl::Seconds(1)).then([x] {
    std::cout << "End square " << x << std::endl;
    return x * x;
  });
}

// The squares of first to last, behind the ones that are there already.
vow::Promise<std::vector<int>> squares(int first, int last, std::vector<int> before = {}) {
  if (first > last) return before;
  return square(first).then([=](int result) mutable {
    before.push_back(result);
    return squares(first + 1, last, std::move(before));
  });
}

vow::Promise<> sequential() {
  return squares(1, 3).then(
      [](const std::vector<int>& results) { std::cout << "[" << absl::StrJoin(results, ", ") << "]" << std::endl; });
}

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const vow::Clock clock = absl::GetFlag(FLAGS_virtual) ? vow::Clock::kVirtual : vow::Clock::kSystem;
  const absl::Status status = vow::run(sequential, {.clock = clock});
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
