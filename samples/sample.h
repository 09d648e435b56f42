// What the samples share, so that each shows its idea and little else: Python's print, the flags --virtual and --timeline,
// and the chart that the latter prints.
//
//   vow::Promise<> nap(int number) {
//     const sample::Span span(number, "naps");
//     co_await vow::sleep(absl::Seconds(number));
//   }
//
//   int main(int argc, char** argv) {
//     const vow::LoopOptions options = sample::options(argc, argv);
//     return sample::exit_code(vow::run([] { return vow::when_all({nap(1), nap(2)}); }, options));
//   }

#ifndef VOW_SAMPLES_SAMPLE_H_
#define VOW_SAMPLES_SAMPLE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "loop/event_loop.h"

namespace sample {

// As Python shows it: 3.0, [1, 4, 9], ('a', 'b').
inline std::string text(int x) { return absl::StrCat(x); }
inline std::string text(std::string_view x) { return std::string(x); }
inline std::string text(const absl::Status& x) { return x.ToString(); }
inline std::string text(const std::vector<int>& x) { return absl::StrCat("[", absl::StrJoin(x, ", "), "]"); }
inline std::string text(const std::tuple<std::string, std::string>& x) {
  return absl::StrCat("('", absl::StrJoin(x, "', '"), "')");
}
std::string text(double x);

void print_line(const std::string& line);

// A line of the words, at once.
template <class... Words>
void print(const Words&... words) {
  print_line(absl::StrJoin({text(words)...}, " "));
}
inline void print() { print_line(""); }

// Reads the flags. With --virtual, the loop runs in virtual time: the same output, at once.
vow::LoopOptions options(int argc, char** argv);

// For the end of main: prints an error, if it is one, and with --timeline the chart of all spans. What the process returns.
int exit_code(const absl::Status& status);
template <class T>
int exit_code(const absl::StatusOr<T>& outcome) {
  return exit_code(outcome.status());
}

// Seconds by the loop's clock, since options() was called.
double seconds_passed();

// A bar of the chart: from here on until it is destroyed, and so in a coroutine for as long as that runs, also if it is
// cancelled.
class Span {
 public:
  template <class... Words>
  explicit Span(const Words&... words) : Span(Name{absl::StrJoin({text(words)...}, " ")}) {}
  Span(Span&& other) noexcept;
  Span& operator=(Span&& other) = delete;
  ~Span();

 private:
  struct Name {
    std::string name;
  };
  explicit Span(Name name);

  std::size_t index_;
};

}  // namespace sample

#endif  // VOW_SAMPLES_SAMPLE_H_
