// Five tasks that wait for three seconds each: as five processes, which the operating system runs at the same time, and as
// five promises in one process with one thread. Both take three seconds; the tutorial's third way, one after the other,
// takes fifteen.
//
// Prints (with other times, and the processes in any order):
//   5 processes: 0 1 2 3 4 took 3.0 s
//   5 promises:  0 1 2 3 4 took 3.0 s
//
//   --seconds=0.1 for those who are in a hurry

#include <iostream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "promise/coroutine.h"
#include "promise/process.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"

ABSL_FLAG(double, seconds, 3, "what each task waits for");

vow::Promise<int> sleep_in_process(int number) {
  const std::string script = absl::StrFormat("sleep %g; echo %d", absl::GetFlag(FLAGS_seconds), number);
  // In a statement of its own: g++ 12 does not compile a braced list in the expression of a co_await.
  absl::StatusOr<vow::Process> shell = vow::Process::start({"sh", "-c", script}, {.out = vow::Process::kPipe});
  if (!shell.ok()) co_return shell.status();
  const std::string output = co_await shell->out().read_all();
  const vow::ExitStatus status = co_await shell->exit();
  if (!status.ok()) co_return absl::UnknownError(status.to_string());
  co_return std::stoi(output);
}

vow::Promise<int> sleep_in_promise(int number) {
  co_await vow::sleep(absl::Seconds(absl::GetFlag(FLAGS_seconds)));
  co_return number;
}

vow::Promise<> measure(const char* title, vow::Promise<int> (*task)(int)) {
  const absl::Time start = vow::EventLoop::current().now();
  std::vector<vow::Promise<int>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(task(i));
  const std::vector<int> results = co_await vow::when_all(tasks);
  const double seconds = absl::ToDoubleSeconds(vow::EventLoop::current().now() - start);
  std::cout << title << absl::StrJoin(results, " ") << absl::StrFormat(" took %.1f s", seconds) << std::endl;
}

vow::Promise<> compare() {
  co_await measure("5 processes: ", sleep_in_process);
  co_await measure("5 promises:  ", sleep_in_promise);
}

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("parallel_processes [--seconds=S]");
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = vow::run(compare);
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
