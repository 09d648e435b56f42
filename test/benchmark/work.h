// The sizes of the work that is measured, which the rows of this library and those of its peers (peers/) share.

#ifndef VOW_TEST_BENCHMARK_WORK_H_
#define VOW_TEST_BENCHMARK_WORK_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace vow::benchmark_rows {

constexpr std::int64_t kLinks = 1000;
constexpr std::int64_t kGathered = 10'000;
constexpr std::int64_t kCalls = 1'000'000;
constexpr std::int64_t kTimers = 1'000'000;
constexpr std::int64_t kFired = 100'000;
constexpr std::int64_t kSleepers = 1'000'000;
constexpr std::int64_t kFibonacciCalls = 242'785;  // Of fibonacci(25), the recursive ones included.

// A benchmark that computes the wrong thing measures nothing.
inline void expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "benchmark: wrong result: %s\n", what);
  std::abort();
}

// The same delays for everybody.
class Random {
 public:
  std::int64_t below(std::int64_t bound) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::int64_t>((state_ >> 33) % static_cast<std::uint64_t>(bound));
  }

 private:
  std::uint64_t state_ = 1;
};

}  // namespace vow::benchmark_rows

#endif  // VOW_TEST_BENCHMARK_WORK_H_
