// A limit in time, in a chain of promises: ten pieces come, one each second, and after three and a half there is no more patience. What is late is
// not only left alone, but stopped.
//
// Prints, a line each second, and the last one half a second later:
//   piece 1
//   piece 2
//   piece 3
//   too late, with 3 pieces

#include <memory>

#include "absl/status/status.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/with_timeout.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<> download(int& pieces) {
  return vow::sleep(absl::Seconds(1)).then([&pieces]() -> vow::Promise<> {
    print("piece", ++pieces);
    if (pieces == 10) return vow::resolve();
    return download(pieces);
  });
}

vow::Promise<> patient_download() {
  auto pieces = std::make_shared<int>(0);  // Where there is no stack to hold it.
  return vow::with_timeout(download(*pieces), absl::Milliseconds(3500)).catch_([pieces](absl::Status error) {
    if (!absl::IsDeadlineExceeded(error)) return error;
    print("too late, with", *pieces, "pieces");
    return absl::OkStatus();
  });
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(patient_download, options));
}
