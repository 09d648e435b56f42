// The work that is measured: each row is a function that does it, on a loop that is not running. The same rows are timed
// (benchmark_main) and their instructions counted (instructions_main); peers/ has them for others.

#ifndef VOW_TEST_BENCHMARK_ROWS_H_
#define VOW_TEST_BENCHMARK_ROWS_H_

#include <cstdint>
#include <vector>

#include "loop/event_loop.h"

namespace vow::benchmark_rows {

struct Row {
  const char* name;
  std::int64_t operations;  // In one repetition, unless another number is asked for: figures are per operation.
  void (*run)(EventLoop& loop, std::int64_t operations);
};

const std::vector<Row>& all_rows();

}  // namespace vow::benchmark_rows

#endif  // VOW_TEST_BENCHMARK_ROWS_H_
