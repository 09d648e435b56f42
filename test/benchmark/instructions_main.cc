// Does one row's work a given number of times, for a profiler to count: instructions ROW REPETITIONS. Without arguments, lists the
// rows with their operations per repetition.

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
      vow::EventLoop loop;
      row.run(loop, std::atoll(argv[2]));
      return 0;
    }
  }
  return argc < 3 ? 0 : 1;
}
