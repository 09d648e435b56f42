// The three calls at once of gather.cc, written with async/await: same output, same second.
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
#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"

ABSL_FLAG(bool, virtual, false, "run in virtual time");

vow::Promise<int> square(int x) {
  std::cout << "Square " << x << std::endl;
  co_await vow::sleep(absl::Seconds(1));
  std::cout << "End square " << x << std::endl;
  co_return x * x;
}

vow::Promise<> gather() {
  std::vector<vow::Promise<int>> calls;
  for (int x : {1, 2, 3}) calls.push_back(square(x));  // Each runs until its first co_await.
  const std::vector<int> squares = co_await vow::when_all(calls);
  std::cout << "[" << absl::StrJoin(squares, ", ") << "]" << std::endl;
}

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const vow::Clock clock = absl::GetFlag(FLAGS_virtual) ? vow::Clock::kVirtual : vow::Clock::kSystem;
  const absl::Status status = vow::run(gather, {.clock = clock});
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
