// That what the READMEs show is what there is. A block of a README that is cut from a program, or is what one prints, has a
// comment before it that says from which, in a line of its own:
//
//   <!-- from samples/gather.cc -->          the block is a piece of this file
//   <!-- printed by samples/gather -->       the block is what this command prints
//
// And a link whose text is a number, [12](gather.cc), says how many lines of code there are in a file.

#include <stdio.h>

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"

namespace vow {
namespace {

// Bazel starts tests where the sources' tree begins.
std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << path;
  return text.str();
}

std::string output_of(const std::string& command) {
  std::string output;
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) output += static_cast<char>(c);
  pclose(pipe);
  return output;
}

// Without what every program has: comments, includes, empty lines.
int lines_of_code(const std::string& path) {
  int count = 0;
  for (std::string_view line : absl::StrSplit(contents(path), '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty() && !absl::StartsWith(line, "//") && !absl::StartsWith(line, "#")) ++count;
  }
  return count;
}

struct Block {
  std::string language;  // "cpp", "text", or nothing.
  std::string source;    // What the comment before it says, or nothing.
  std::string text;
};

std::vector<Block> blocks_of(const std::string& readme) {
  std::vector<Block> blocks;
  std::string source;
  bool is_inside = false;
  for (std::string_view line : absl::StrSplit(contents(readme), '\n')) {
    if (absl::StartsWith(line, "```")) {
      is_inside = !is_inside;
      if (is_inside) blocks.push_back({std::string(line.substr(3)), source, ""});
    } else if (is_inside) {
      absl::StrAppend(&blocks.back().text, line, "\n");
    } else if (absl::ConsumePrefix(&line, "<!-- ") && absl::ConsumeSuffix(&line, " -->")) {
      source = line;
      continue;
    }
    source.clear();
  }
  EXPECT_FALSE(is_inside) << readme;
  return blocks;
}

class ReadmeTest : public testing::TestWithParam<std::string> {};

TEST_P(ReadmeTest, ProgramsAreCutFromFilesThatAreCompiled) {
  for (const Block& block : blocks_of(GetParam())) {
    std::string_view path = block.source;
    if (absl::ConsumePrefix(&path, "from ")) {
      EXPECT_TRUE(absl::StrContains(contents(std::string(path)), block.text)) << path << " has no\n" << block.text;
    } else {
      EXPECT_NE(block.language, "cpp") << "of what file is this?\n" << block.text;
    }
  }
}

TEST_P(ReadmeTest, OutputIsWhatIsPrinted) {
  for (const Block& block : blocks_of(GetParam())) {
    std::string_view command = block.source;
    if (!absl::ConsumePrefix(&command, "printed by ")) continue;
    EXPECT_EQ(output_of(std::string(command)), block.text);
  }
}

TEST_P(ReadmeTest, LinesAreCountedRightly) {
  const std::string folder = GetParam().substr(0, GetParam().rfind('/') + 1);
  const std::vector<std::string> pieces = absl::StrSplit(contents(GetParam()), "](");
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    int count = 0;
    if (!absl::SimpleAtoi(pieces[i - 1].substr(pieces[i - 1].rfind('[') + 1), &count)) continue;
    const std::string path = folder + pieces[i].substr(0, pieces[i].find(')'));
    EXPECT_EQ(count, lines_of_code(path)) << path;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ReadmeTest,
                         testing::Values("README.md", "samples/README.md", "samples/four_ways/README.md"),
                         [](const testing::TestParamInfo<std::string>& readme) {
                           return absl::StrCat("Number", readme.index);
                         });

TEST(ReadmeProgramTest, PrintsWhatItSays) { EXPECT_EQ(output_of("samples/two_squares"), "4 9\n"); }

}  // namespace
}  // namespace vow
