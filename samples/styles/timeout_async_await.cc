// A limit in time, with async/await: ten pieces come, one each second, and after three and a half there is no more patience. What is late is
// not only left alone, but stopped.
//
// Prints, a line each second, and the last one half a second later:
//   piece 1
//   piece 2
//   piece 3
//   too late, with 3 pieces

#include "absl/status/status.h"
#include "promise/coroutine.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/with_timeout.h"
#include "samples/sample.h"

using sample::print;

vow::Promise<> download(int& pieces) {
  while (pieces < 10) {
    co_await vow::sleep(absl::Seconds(1));
    print("piece", ++pieces);
  }
}

vow::Promise<> patient_download() {
  int pieces = 0;
  const absl::Status status = co_await vow::with_timeout(download(pieces), absl::Milliseconds(3500)).settled();
  if (!absl::IsDeadlineExceeded(status)) co_return co_await status;
  print("too late, with", pieces, "pieces");
}

int main(int argc, char** argv) {
  const vow::LoopOptions options = sample::options(argc, argv);
  return sample::exit_code(vow::run(patient_download, options));
}
