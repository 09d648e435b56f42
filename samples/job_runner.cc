// Runs commands, so many at a time, and shows what they print as it comes, line by line, each with the number of its job.
//
//   $ job_runner --jobs=2 'sleep 0.2; echo one' 'echo two; exit 3' 'echo three'
//   2| two
//   2: exit code 3
//   3| three
//   3: exit code 0
//   1| one
//   1: exit code 0
//   1 of 3 failed
//
// Without arguments, each line of the input is a command: `job_runner < commands`. Ctrl-C kills what runs.

#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "promise/coroutine.h"
#include "promise/map.h"
#include "promise/process.h"
#include "promise/run.h"
#include "promise/stream.h"

ABSL_FLAG(int, jobs, 4, "how many run at a time");

struct Job {
  int number;
  std::string command;
};

// Whether it has succeeded.
vow::Promise<bool> run_job(Job job) {
  // In a statement of its own: g++ 12 does not compile a braced list in the expression of a co_await.
  absl::StatusOr<vow::Process> shell =
      vow::Process::start({"sh", "-c", job.command},
                          {.in = vow::Process::kNull, .out = vow::Process::kPipe, .err = vow::Process::kSameAsOut});
  if (!shell.ok()) co_return shell.status();
  while (std::optional<std::string> line = co_await shell->out().read_line()) {
    std::cout << job.number << "| " << *line << std::endl;
  }
  const vow::ExitStatus status = co_await shell->exit();
  std::cout << job.number << ": " << status.to_string() << std::endl;
  co_return status.ok();
}

vow::Promise<std::vector<std::string>> read_commands() {
  vow::Stream input = co_await vow::Stream::borrow(0, "stdin");
  std::vector<std::string> commands;
  while (std::optional<std::string> line = co_await input.read_line()) commands.push_back(*std::move(line));
  co_return commands;
}

// How many have failed.
vow::Promise<int> run_jobs(std::vector<std::string> commands) {
  if (commands.empty()) commands = co_await read_commands();
  std::vector<Job> jobs;
  for (std::string& command : commands) jobs.push_back({static_cast<int>(jobs.size()) + 1, std::move(command)});
  vow::MapOptions limit;
  limit.concurrency = absl::GetFlag(FLAGS_jobs);
  int failed = 0;
  for (const bool succeeded : co_await vow::map(jobs, run_job, limit)) failed += !succeeded;
  if (failed > 0) std::cout << failed << " of " << jobs.size() << " failed" << std::endl;
  co_return failed;
}

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("job_runner [--jobs=N] [COMMAND ...]");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const std::vector<std::string> commands(arguments.begin() + 1, arguments.end());
  const absl::StatusOr<int> failed = vow::run([&] { return run_jobs(commands); });
  if (!failed.ok()) std::cerr << failed.status() << "\n";
  return failed.ok() && *failed == 0 ? 0 : 1;
}
