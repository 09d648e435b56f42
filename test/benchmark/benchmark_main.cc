// Times the rows: CPU time per operation, on a loop with the system's clock.

#include "benchmark/benchmark.h"
#include "loop/event_loop.h"
#include "test/benchmark/rows.h"

int main(int argc, char** argv) {
  using vow::benchmark_rows::Row;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  for (const Row& row : vow::benchmark_rows::all_rows()) {
    benchmark::RegisterBenchmark(row.name, [&row](benchmark::State& state) {
      vow::EventLoop loop;
      for (auto _ : state) row.run(loop, row.operations);
      state.SetItemsProcessed(state.iterations() * row.operations);
      state.counters["per_operation"] =
          benchmark::Counter(static_cast<double>(row.operations),
                             benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
    });
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
