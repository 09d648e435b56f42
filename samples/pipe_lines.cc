// Reads its input line by line, and does something else meanwhile: every second without a line it says so.
//
//   $ (echo one; sleep 1.5; echo two) | pipe_lines
//   1: one
//   ... still waiting
//   2: two
//   2 lines

#include <iostream>
#include <optional>
#include <string>

#include "absl/flags/parse.h"
#include "promise/coroutine.h"
#include "promise/interval.h"
#include "promise/run.h"
#include "promise/stream.h"
#include "promise/task_group.h"

vow::Promise<> complain() {
  vow::Interval seconds = vow::interval(absl::Seconds(1));
  while (co_await seconds.next()) std::cout << "... still waiting" << std::endl;
}

// The next line; while it is not there, complains.
vow::Promise<std::optional<std::string>> patient_line(vow::Stream& input) {
  vow::TaskGroup meanwhile;
  meanwhile.spawn(complain);
  co_return co_await input.read_line();
}

vow::Promise<> number_lines() {
  vow::Stream input = co_await vow::Stream::borrow(0, "stdin");
  int count = 0;
  while (std::optional<std::string> line = co_await patient_line(input)) {
    std::cout << ++count << ": " << *line << std::endl;
  }
  std::cout << count << " lines" << std::endl;
}

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = vow::run(number_lines);
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
