#include "samples/sample.h"

#include <algorithm>
#include <charconv>
#include <iostream>
#include <limits>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

ABSL_FLAG(bool, virtual, false, "run in virtual time: the same output, at once");
ABSL_FLAG(bool, timeline, false, "print a chart of what ran when, at the end");

namespace sample {
namespace {

struct Bar {
  std::string name;
  absl::Duration begin;
  absl::Duration end;
};

constexpr std::size_t kNoBar = std::numeric_limits<std::size_t>::max();
constexpr int kWidth = 40;

absl::Time start;
absl::Duration last;  // When something was printed, or began, or ended.
std::vector<Bar> bars;

absl::Duration note_time() {
  vow::EventLoop* const loop = vow::EventLoop::current_or_null();
  if (loop != nullptr && !loop->is_closed()) last = loop->now() - start;
  return last;
}

// A real clock is never exact.
std::string text(absl::Duration time) {
  const bool is_exact = absl::GetFlag(FLAGS_virtual);
  return absl::FormatDuration(is_exact ? time : absl::Floor(time + absl::Milliseconds(5), absl::Milliseconds(10)));
}

int column(absl::Duration time) {
  return last > absl::ZeroDuration() ? static_cast<int>(absl::FDivDuration(time, last) * kWidth + 0.5) : 0;
}

void print_timeline() {
  std::size_t widest = 0;
  for (const Bar& bar : bars) widest = std::max(widest, bar.name.size());
  std::cout << "--- " << text(last) << "\n";
  for (const Bar& bar : bars) {
    const int begin = column(bar.begin);
    const int end = std::max(column(bar.end), begin);
    std::cout << bar.name << std::string(widest - bar.name.size(), ' ') << " |" << std::string(begin, ' ')
              << std::string(end - begin, '=') << std::string(std::max(kWidth - end, 0), ' ') << "| " << text(bar.begin)
              << " to " << text(bar.end) << "\n";
  }
}

}  // namespace

std::string text(double x) {
  char buffer[32];
  std::string digits(buffer, std::to_chars(buffer, buffer + sizeof(buffer), x).ptr);
  if (digits.find_first_not_of("-0123456789") == std::string::npos) digits += ".0";
  return digits;
}

void print_line(const std::string& line) {
  note_time();
  std::cout << line << std::endl;
}

vow::LoopOptions options(int argc, char** argv) {
  absl::FlagsUsageConfig usage;
  usage.contains_help_flags = [](absl::string_view file) { return absl::StrContains(file, "samples/"); };
  absl::SetFlagsUsageConfig(usage);
  absl::SetProgramUsageMessage("a sample of vow; the comment at the head of its source says what it shows");
  absl::ParseCommandLine(argc, argv);
  const bool is_virtual = absl::GetFlag(FLAGS_virtual);
  start = is_virtual ? absl::UnixEpoch() : absl::Now();  // Where a loop's clock starts.
  return {.clock = is_virtual ? vow::Clock::kVirtual : vow::Clock::kSystem};
}

int exit_code(const absl::Status& status) {
  if (!status.ok()) std::cerr << status << "\n";
  if (absl::GetFlag(FLAGS_timeline)) print_timeline();
  return status.ok() ? 0 : 1;
}

double seconds_passed() { return absl::ToDoubleSeconds(note_time()); }

Span::Span(Name name) : index_(bars.size()) {
  const absl::Duration now = note_time();
  bars.push_back({std::move(name.name), now, now});
}

Span::Span(Span&& other) noexcept : index_(std::exchange(other.index_, kNoBar)) {}

Span::~Span() {
  if (index_ != kNoBar) bars[index_].end = note_time();
}

}  // namespace sample
