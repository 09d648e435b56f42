// A program that can be interrupted: Ctrl-C cancels what it waits for, and it cleans up, which may take a while.
//
// Prints, when Ctrl-C comes after two seconds and a half:
//   working 1
//   working 2
//   cleaning up: CANCELLED: interrupted (SIGINT)
//   clean
//   CANCELLED: interrupted (SIGINT)
//
// A second Ctrl-C ends it at once.

#include <iostream>

#include "absl/flags/parse.h"
#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"

vow::Promise<> work() {
  for (int i = 1;; ++i) {
    co_await vow::sleep(absl::Seconds(1));
    std::cout << "working " << i << std::endl;
  }
}

vow::Promise<> work_and_clean_up() {
  const absl::Status status = co_await work().settled();
  std::cout << "cleaning up: " << status << std::endl;
  co_await vow::sleep(absl::Milliseconds(500));
  std::cout << "clean" << std::endl;
}

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  std::cout << vow::run(work_and_clean_up) << std::endl;
}
