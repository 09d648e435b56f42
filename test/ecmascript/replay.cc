#include "test/ecmascript/replay.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace vow::ecmascript {
namespace {

// Both texts, and where they part.
std::string compare(const std::string& what, const std::string& in_node, const std::string& on_vow) {
  if (in_node == on_vow) return absl::StrCat(what, ", the same: ", in_node, "\n");
  const std::vector<std::string> expected = absl::StrSplit(in_node, ' ', absl::SkipEmpty());
  const std::vector<std::string> actual = absl::StrSplit(on_vow, ' ', absl::SkipEmpty());
  std::size_t same = 0;
  while (same < expected.size() && same < actual.size() && expected[same] == actual[same]) ++same;
  return absl::StrCat(what, " in Node: ", in_node, "\n", what, " on vow:  ", on_vow, "\n  which differ in word ",
                      same + 1, ": ", same < expected.size() ? expected[same] : "(none)", " in Node, ",
                      same < actual.size() ? actual[same] : "(none)", " on vow\n");
}

// What Node made of the program, as far as this way shows it.
Record in_node(const Program& program, Way way) {
  Record record = program.expected;
  if (way.drops_handles) record.end.clear();
  if (!way.counts_ticks) {
    const auto is_no_tick = [](absl::string_view word) { return !word.empty() && !absl::ascii_isdigit(word[0]); };
    record.log = absl::StrJoin(absl::StrSplit(record.log, ' ', is_no_tick), " ");
  }
  return record;
}

std::string to_string(Way way) {
  return absl::StrCat(way.drops_handles ? "handles dropped" : "handles kept", ", ",
                      way.counts_ticks ? "ticks counted" : "ticks not counted");
}

// The first way in which it differs.
std::optional<Difference> difference(const Program& program) {
  for (Way way : {Way{.drops_handles = false, .counts_ticks = true}, Way{.drops_handles = true, .counts_ticks = true},
                  Way{.drops_handles = true, .counts_ticks = false}}) {
    Record expected = in_node(program, way);
    Record actual = run_on_vow(program, way);
    if (actual.log != expected.log || actual.end != expected.end) {
      return Difference{program, way, std::move(expected), std::move(actual)};
    }
  }
  return std::nullopt;
}

}  // namespace

absl::Status replay(std::istream& input, Replay& replay, std::string* running) {
  ProgramReader reader(input);
  for (;;) {
    absl::StatusOr<std::optional<Program>> read = reader.next();
    if (!read.ok()) return read.status();
    if (!read->has_value()) return absl::OkStatus();
    const Program& program = **read;
    if (running != nullptr) *running = program.name;
    ++replay.programs;
    std::optional<Difference> found = difference(program);
    if (!found.has_value()) continue;
    replay.differing.push_back(program.name);
    if (!replay.smallest.has_value() || program.step_count < replay.smallest->program.step_count) {
      replay.smallest = std::move(found);
    }
  }
}

std::string describe(const Replay& replay) {
  if (!replay.smallest.has_value()) return "";
  constexpr std::size_t kMostNames = 20;
  const auto& names = replay.differing;
  const auto& [program, way, expected, actual] = *replay.smallest;
  return absl::StrCat(
      names.size(), " of ", replay.programs,
      " programs differ: ", absl::StrJoin(names.begin(), names.begin() + std::min(kMostNames, names.size()), " "),
      names.size() > kMostNames ? " ..." : "", "\n\nThe smallest of them, program ", program.name, " (", to_string(way),
      "):\n\n", program.text, "\n", compare("log", expected.log, actual.log), compare("end", expected.end, actual.end));
}

}  // namespace vow::ecmascript
