// A million tasks that sleep for a second, in one when_all: what each takes of memory, and of CPU time.
//
//   tools/bazel run --config=opt //test/benchmark:sleepers -- promises     # or: coroutines
//
// Memory is the peak of the resident set, over that of the process before.

#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "loop/event_loop.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"

namespace {

constexpr std::int64_t kSleepers = 1'000'000;

std::int64_t peak_bytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * std::int64_t{1024};
}

double cpu_seconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

vow::Promise<> sleep_in_coroutine() { co_await vow::sleep(absl::Seconds(1)); }

}  // namespace

int main(int argc, char** argv) {
  const bool coroutines = argc == 2 && std::strcmp(argv[1], "coroutines") == 0;
  if (!coroutines && (argc != 2 || std::strcmp(argv[1], "promises") != 0)) {
    std::fprintf(stderr, "usage: sleepers promises|coroutines\n");
    return 2;
  }
  vow::EventLoop loop;
  const std::int64_t bytes_before = peak_bytes();
  const double seconds_before = cpu_seconds();
  std::vector<vow::Promise<>> sleepers;
  sleepers.reserve(kSleepers);
  for (std::int64_t i = 0; i < kSleepers; ++i) {
    sleepers.push_back(coroutines ? sleep_in_coroutine() : vow::sleep(absl::Seconds(1)));
  }
  const absl::Status status = vow::run_until_complete(loop, vow::when_all(std::move(sleepers)));
  if (!status.ok()) return 1;
  std::printf("%s: %.0f bytes, %.0f ns of CPU time for each\n", argv[1],
              static_cast<double>(peak_bytes() - bytes_before) / kSleepers,
              (cpu_seconds() - seconds_before) / kSleepers * 1e9);
}
