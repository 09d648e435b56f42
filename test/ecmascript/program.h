// Programs of promises, as text. README.md has the language.

#ifndef VOW_TEST_ECMASCRIPT_PROGRAM_H_
#define VOW_TEST_ECMASCRIPT_PROGRAM_H_

#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vow::ecmascript {

// A letter and a number: v7 a value, e7 an error, p7 a promise, t7 a block of a later turn, m7 one of a microtask, a7 an
// await.
struct Word {
  char letter = 'v';
  int number = 0;
};
std::string to_string(Word word);

// Numbers of promises, blocks and awaits are smaller.
inline constexpr int kMostNumbers = 512;

enum class Op {
  kNew,
  kIs,
  kSettle,
  kThen,
  kCatch,
  kFinally,
  kAll,
  kAny,
  kRace,
  kAllSettled,
  kLater,
  kMicro,
  kAsync,
  kAwait,    // Only in the block of a kAsync, as
  kSettled,  // is this.
};

struct Step;

struct Handler {
  std::vector<Step> steps;
  Word outcome;
};

struct Step {
  Word target;
  Op op;
  std::vector<Word> operands;
  std::vector<Handler> handlers;  // Of kLater and kMicro: the block, whose outcome means nothing.
};

// What a program does: its events in order, and how each promise ends.
struct Record {
  std::string log;
  std::string end;
};

struct Program {
  std::string name;
  std::string text;
  int step_count = 0;
  std::vector<std::vector<Step>> turns;
  Record expected;
};

// Reads one program after the other.
class ProgramReader {
 public:
  explicit ProgramReader(std::istream& input);

  // Nothing at the end of the input; InvalidArgument if it is not in the language.
  absl::StatusOr<std::optional<Program>> next();

 private:
  void advance();
  void fail(const std::string& message);
  std::vector<Step> read_steps(bool may_await = false);
  Step read_step(bool may_await);
  Word read_word(const std::string& text, const std::string& letters);
  std::string read_record(const std::string& keyword);

  std::istream& input_;
  int line_number_ = 0;
  std::string line_;
  std::vector<std::string> words_;  // Of the line; none at the end of the input.
  absl::Status status_;
  Program program_;
};

}  // namespace vow::ecmascript

#endif  // VOW_TEST_ECMASCRIPT_PROGRAM_H_
