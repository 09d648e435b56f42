#include "test/ecmascript/program.h"

#include <algorithm>
#include <iterator>
#include <sstream>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace vow::ecmascript {
namespace {

struct Shape {
  std::string_view name;
  Op op;
  char target;
  int operands;  // Any number, if negative.
  const char* operand_letters;
  int least_handlers;
  int most_handlers;
};

constexpr Shape kShapes[] = {
    {"new", Op::kNew, 'p', 0, "", 0, 0},          {"is", Op::kIs, 'p', 1, "ve", 0, 0},
    {"settle", Op::kSettle, 'p', 1, "vep", 0, 0}, {"then", Op::kThen, 'p', 1, "p", 1, 2},
    {"catch", Op::kCatch, 'p', 1, "p", 1, 1},     {"finally", Op::kFinally, 'p', 1, "p", 1, 1},
    {"all", Op::kAll, 'p', -1, "p", 0, 0},        {"any", Op::kAny, 'p', -1, "p", 0, 0},
    {"race", Op::kRace, 'p', -1, "p", 0, 0},      {"allSettled", Op::kAllSettled, 'p', -1, "p", 0, 0},
    {"later", Op::kLater, 't', 0, "", 0, 1},      {"micro", Op::kMicro, 'm', 0, "", 0, 1},
    {"async", Op::kAsync, 'p', 0, "", 1, 1},      {"await", Op::kAwait, 'a', 1, "vp", 0, 0},
    {"settled", Op::kSettled, 'a', 1, "p", 0, 0},
};

bool ends_steps(const std::string& word) {
  return word == "}" || word == "turn" || word == "log" || word == "end" || word == "program";
}

}  // namespace

std::string to_string(Word word) { return std::string(1, word.letter) + std::to_string(word.number); }

ProgramReader::ProgramReader(std::istream& input) : input_(input) { advance(); }

absl::StatusOr<std::optional<Program>> ProgramReader::next() {
  if (words_.empty()) return std::nullopt;
  program_ = Program();
  if (words_.size() != 2 || words_[0] != "program") fail("expected: program NAME");
  if (words_.size() == 2) program_.name = words_[1];
  do {
    if (!program_.turns.empty()) absl::StrAppend(&program_.text, line_, "\n");
    advance();
    program_.turns.push_back(read_steps());
  } while (!words_.empty() && words_[0] == "turn");
  program_.expected.log = read_record("log");
  program_.expected.end = read_record("end");
  if (!status_.ok()) return status_;
  return std::move(program_);
}

void ProgramReader::advance() {
  words_.clear();
  while (words_.empty() && std::getline(input_, line_)) {
    ++line_number_;
    std::istringstream line(line_);
    words_.assign(std::istream_iterator<std::string>(line), {});
    if (!words_.empty() && words_[0] == "#") words_.clear();
  }
}

void ProgramReader::fail(const std::string& message) {
  if (status_.ok()) {
    status_ = absl::InvalidArgumentError(absl::StrCat("line ", line_number_, ": ", message, "; found: ", line_));
  }
}

std::vector<Step> ProgramReader::read_steps(bool may_await) {
  std::vector<Step> steps;
  while (status_.ok() && !words_.empty() && !ends_steps(words_[0])) steps.push_back(read_step(may_await));
  return steps;
}

Step ProgramReader::read_step(bool may_await) {
  Step step;
  const auto* const shape = words_.size() < 2
                                ? std::end(kShapes)
                                : std::find_if(std::begin(kShapes), std::end(kShapes),
                                               [this](const Shape& candidate) { return candidate.name == words_[1]; });
  if (shape == std::end(kShapes)) {
    fail("expected a step");
    return step;
  }
  step.op = shape->op;
  if (shape->target == 'a' && !may_await) fail("expected an await only in an async function");
  step.target = read_word(words_[0], std::string(1, shape->target));
  std::vector<std::string> rest(words_.begin() + 2, words_.end());
  const std::size_t count = shape->operands < 0 ? rest.size() : shape->operands;
  if (rest.size() < count) fail("expected an operand");
  for (std::size_t i = 0; i < std::min(count, rest.size()); ++i) {
    step.operands.push_back(read_word(rest[i], shape->operand_letters));
  }
  rest.erase(rest.begin(), rest.begin() + step.operands.size());

  const bool is_block = step.op == Op::kLater || step.op == Op::kMicro;
  ++program_.step_count;
  absl::StrAppend(&program_.text, line_, "\n");
  while (status_.ok() && !rest.empty()) {
    Handler handler;
    if (rest[0] == "{") {
      advance();
      handler.steps = read_steps(/*may_await=*/step.op == Op::kAsync);
      absl::StrAppend(&program_.text, line_, "\n");
      if (words_.empty() || words_[0] != "}") fail("expected a }");
      rest = words_;
      if (!rest.empty()) rest.erase(rest.begin());
    }
    if (!is_block) {
      handler.outcome = read_word(rest.empty() ? "" : rest[0], "vep");
      if (!rest.empty()) rest.erase(rest.begin());
    }
    step.handlers.push_back(std::move(handler));
  }
  if (is_block && step.handlers.empty()) step.handlers.emplace_back();
  const int handlers = static_cast<int>(step.handlers.size());
  if (handlers < shape->least_handlers || handlers > shape->most_handlers) fail("wrong number of handlers");
  advance();
  return step;
}

Word ProgramReader::read_word(const std::string& text, const std::string& letters) {
  Word word;
  if (text.size() >= 2 && letters.find(text[0]) != std::string::npos &&
      absl::SimpleAtoi(text.substr(1), &word.number) && word.number >= 0 && word.number < kMostNumbers) {
    word.letter = text[0];
  } else {
    fail(absl::StrCat("expected one of [", letters, "] and a number below ", kMostNumbers));
  }
  return word;
}

std::string ProgramReader::read_record(const std::string& keyword) {
  if (words_.empty() || words_[0] != keyword) {
    fail("expected: " + keyword);
    return "";
  }
  std::string record;
  for (std::size_t i = 1; i < words_.size(); ++i) absl::StrAppend(&record, i == 1 ? "" : " ", words_[i]);
  advance();
  return record;
}

}  // namespace vow::ecmascript
