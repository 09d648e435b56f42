// Does one row's work so many times, for a profiler to count: instructions ROW REPETITIONS [OPERATIONS]. Without arguments,
// lists the rows with their operations per repetition.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "loop/event_loop.h"
#include "test/benchmark/rows.h"

int main(int argc, char** argv) {
  using vow::benchmark_rows::Row;
  for (const Row& row : vow::benchmark_rows::all_rows()) {
    if (argc < 3) {
      std::printf("%s %lld\n", row.name, static_cast<long long>(row.operations));
    } else if (std::strcmp(argv[1], row.name) == 0) {
      const std::int64_t operations = argc > 3 ? std::atoll(argv[3]) : row.operations;
      vow::EventLoop loop;
      for (std::int64_t left = std::atoll(argv[2]); left > 0; --left) row.run(loop, operations);
      return 0;
    }
  }
  return argc < 3 ? 0 : 1;
}
