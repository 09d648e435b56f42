// Runs the recorded programs in the files that are named, or else in the standard input.
//
//   tools/bazel run //test/ecmascript:replay -- FILE ...

#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <string>

#include "absl/status/status.h"
#include "test/ecmascript/replay.h"

namespace {

std::string& running() {
  static auto& name = *new std::string();
  return name;
}

// So that one knows which program it was.
void on_crash(int signal_number) {
  const std::string message = "crashed in program " + running() + "\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, message.data(), message.size());
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

bool replay(std::istream& input, const std::string& name, vow::ecmascript::Replay& result) {
  const absl::Status status = vow::ecmascript::replay(input, result, &running());
  if (!status.ok()) std::cerr << name << ": " << status << "\n";
  return status.ok();
}

}  // namespace

int main(int argc, char** argv) {
  for (int signal_number : {SIGABRT, SIGSEGV, SIGBUS}) signal(signal_number, on_crash);
  vow::ecmascript::Replay result;
  bool read = true;
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i]);
    if (!file) std::cerr << argv[i] << ": cannot be read\n";
    read = file && replay(file, argv[i], result) && read;
  }
  if (argc == 1) read = replay(std::cin, "standard input", result);

  std::cout << vow::ecmascript::describe(result);
  if (result.differing.empty()) std::cout << result.programs << " programs do on vow what they do in Node\n";
  return read && result.differing.empty() && result.programs > 0 ? 0 : 1;
}
