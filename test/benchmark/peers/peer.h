// What the programs of the peers have in common: PROGRAM lists its rows with their operations per repetition, and
// PROGRAM ROW REPETITIONS [OPERATIONS] does one row's work so many times.

#ifndef VOW_TEST_BENCHMARK_PEERS_PEER_H_
#define VOW_TEST_BENCHMARK_PEERS_PEER_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "test/benchmark/work.h"

namespace peer {

using namespace vow::benchmark_rows;

struct Row {
  const char* name;
  std::int64_t operations;  // In one repetition.
  void (*run)(std::int64_t operations);
};

inline int run_rows(int argc, char** argv, std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    if (argc < 3) {
      std::printf("%s %lld\n", row.name, static_cast<long long>(row.operations));
    } else if (std::strcmp(argv[1], row.name) == 0) {
      const std::int64_t operations = argc > 3 ? std::atoll(argv[3]) : row.operations;
      for (std::int64_t left = std::atoll(argv[2]); left > 0; --left) row.run(operations);
      return 0;
    }
  }
  return argc < 3 ? 0 : 1;
}

}  // namespace peer

#endif  // VOW_TEST_BENCHMARK_PEERS_PEER_H_
