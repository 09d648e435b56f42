// Runs recorded programs on vow, and compares.

#ifndef VOW_TEST_ECMASCRIPT_REPLAY_H_
#define VOW_TEST_ECMASCRIPT_REPLAY_H_

#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "test/ecmascript/interpreter.h"
#include "test/ecmascript/program.h"

namespace vow::ecmascript {

struct Difference {
  Program program;
  Way way;
  Record in_node;  // What is comparable to on_vow.
  Record on_vow;
};

struct Replay {
  int programs = 0;
  std::vector<std::string> differing;  // Names.
  std::optional<Difference> smallest;  // By the number of steps.
};

// Adds what the programs of `input` do, in each way. While one is running, `running` holds its name.
absl::Status replay(std::istream& input, Replay& replay, std::string* running = nullptr);

// The program, and what it did in Node and on vow. Nothing to tell is an empty string.
std::string describe(const Replay& replay);

}  // namespace vow::ecmascript

#endif  // VOW_TEST_ECMASCRIPT_REPLAY_H_
