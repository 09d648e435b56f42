// What a million of something takes of memory, and how much of that the process keeps when they are gone.
//
//   tools/bazel run --config=opt //test/benchmark:memory                        # all of them
//   tools/bazel run --config=opt //test/benchmark:memory -- sleepers [COUNT]    # or: promises, links, coroutines
//
// Memory is the resident set: before, at its peak, and afterwards.

#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "loop/event_loop.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "test/benchmark/work.h"

namespace {

using vow::benchmark_rows::expect;

// A field of /proc/self/status. (What getrusage calls the peak may be that of the process that started this one.)
std::int64_t status_bytes(const char* field) {
  std::FILE* const file = std::fopen("/proc/self/status", "r");
  expect(file != nullptr, "/proc is mounted");
  long long kilobytes = 0;
  char line[256];
  while (std::fgets(line, sizeof(line), file) != nullptr) {
    if (std::strncmp(line, field, std::strlen(field)) == 0) kilobytes = std::atoll(line + std::strlen(field) + 1);
  }
  std::fclose(file);
  return kilobytes * 1024;
}

// Each with both of its ends.
void promises(vow::EventLoop& loop, std::int64_t count) {
  std::vector<vow::Deferred<int>> deferreds;
  std::vector<vow::Promise<int>> promises;
  deferreds.reserve(count);
  promises.reserve(count);
  for (std::int64_t i = 0; i < count; ++i) promises.push_back(deferreds.emplace_back().promise());
  for (vow::Deferred<int>& deferred : deferreds) deferred.resolve(1);
  loop.run().IgnoreError();
}

void links(vow::EventLoop& loop, std::int64_t count) {
  vow::Deferred<int> head;
  vow::Promise<int> end = head.promise();
  for (std::int64_t i = 0; i < count; ++i) end = std::move(end).then([](int x) { return x + 1; });
  head.resolve(0);
  expect(run_until_complete(loop, std::move(end)).value() == count, "links");
}

void sleep_all(vow::EventLoop& loop, std::int64_t count, vow::Promise<> (*sleep_a_second)()) {
  std::vector<vow::Promise<>> promises;
  promises.reserve(count);
  for (std::int64_t i = 0; i < count; ++i) promises.push_back(sleep_a_second());
  expect(run_until_complete(loop, vow::when_all(std::move(promises))).ok(), "sleepers");
}

void sleepers(vow::EventLoop& loop, std::int64_t count) {
  sleep_all(loop, count, [] { return vow::sleep(absl::Seconds(1)); });
}

vow::Promise<> sleep_in_coroutine() { co_await vow::sleep(absl::Seconds(1)); }

void coroutines(vow::EventLoop& loop, std::int64_t count) { sleep_all(loop, count, sleep_in_coroutine); }

struct Kind {
  const char* name;
  const char* description;
  void (*run)(vow::EventLoop& loop, std::int64_t count);
};
constexpr Kind kKinds[] = {
    {"promises", "pending promise", promises},
    {"links", "link of a pending chain", links},
    {"sleepers", "sleep in a when_all", sleepers},
    {"coroutines", "coroutine that sleeps, in a when_all", coroutines},
};

void measure(const Kind& kind, std::int64_t count) {
  vow::EventLoop loop;
  kind.run(loop, 1000);  // So that what is needed once is there.
  const std::int64_t before = status_bytes("VmRSS:");
  kind.run(loop, count);
  const std::int64_t peak = status_bytes("VmHWM:");
  const std::int64_t after = status_bytes("VmRSS:");
  const double mebibyte = 1 << 20;
  std::printf("| %s | %.1f | %.1f | %.1f | %.1f |\n", kind.description,
              static_cast<double>(peak - before) / static_cast<double>(count), static_cast<double>(before) / mebibyte,
              static_cast<double>(peak) / mebibyte, static_cast<double>(after) / mebibyte);
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t count = argc > 2 ? std::atoll(argv[2]) : 1'000'000;
  std::printf("| %lld times | bytes for each | MiB before | at the peak | afterwards |\n|---|---:|---:|---:|---:|\n",
              static_cast<long long>(count));
  for (const Kind& kind : kKinds) {
    if (argc > 1 && std::strcmp(argv[1], kind.name) != 0) continue;
    std::fflush(stdout);
    if (fork() == 0) {  // Each in a process of its own, with memory of its own.
      measure(kind, count);
      std::fflush(stdout);
      _exit(0);
    }
    int status = 0;
    wait(&status);
    if (status != 0) return 1;
  }
}
