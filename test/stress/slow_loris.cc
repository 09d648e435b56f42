// Clients that send a byte every second, and fast ones beside: slow_loris [SLOW [FAST]]. RELIABILITY 28.

#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "promise/coroutine.h"
#include "promise/net.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/stream.h"
#include "promise/when_all.h"
#include "test/stress/check.h"

namespace vow::stress {
namespace {

// A server's side: waits for a line, answers it.
Promise<> serve(Stream stream) {
  while (std::optional<std::string> line = co_await stream.read_line()) {
    if (!(co_await stream.write(*line + "\n").settled()).ok()) co_return;  // The client has gone.
  }
}

std::pair<Stream, Stream> connection() {
  int ends[2];
  VOW_STRESS_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  return {*Stream::adopt(ends[0]), *Stream::adopt(ends[1])};
}

Promise<> be_fast(int requests) {
  auto [mine, theirs] = connection();
  Promise<> server = serve(std::move(theirs));
  for (int i = 0; i < requests; ++i) {
    co_await mine.write("hello\n");
    co_await mine.read_line();
  }
}

// Seconds that all of them take.
Promise<double> time_of_fast(int clients, int requests) {
  const double start = seconds();
  std::vector<Promise<>> all;
  for (int i = 0; i < clients; ++i) all.push_back(be_fast(requests));
  co_await when_all(all);
  co_return seconds() - start;
}

Promise<> be_slow(Stream mine, const bool& is_over) {
  while (!is_over) {
    co_await mine.write("x");
    co_await sleep(absl::Seconds(1));
  }
}

Promise<> compare(int slow, int fast) {
  co_await time_of_fast(fast, 100);  // Warm.
  const double alone = co_await time_of_fast(fast, 500);
  const long before = resident_kib();
  bool is_over = false;
  std::vector<Promise<>> servers, clients;
  std::vector<Stream> ends;
  for (int i = 0; i < slow; ++i) {
    auto [mine, theirs] = connection();
    servers.push_back(serve(std::move(theirs)));
    ends.push_back(std::move(mine));
  }
  co_await sleep(absl::Milliseconds(10));
  const double each = static_cast<double>(resident_kib() - before) / slow;
  for (Stream& end : ends) clients.push_back(be_slow(std::move(end), is_over));
  const double beside = co_await time_of_fast(fast, 500);
  std::printf(
      "%d slow connections take %.2f KiB each, at both ends together; %d fast ones: alone %.3f s, beside them %.3f s\n",
      slow, each, fast, alone, beside);
  VOW_STRESS_CHECK(beside < 2 * alone);
  VOW_STRESS_CHECK(each < 2);
  is_over = true;
  co_await when_all(clients);
}

}  // namespace
}  // namespace vow::stress

int main(int argc, char** argv) {
  using namespace vow::stress;
  const int most = (raise_descriptor_limit() - 1000) / 2;
  const int slow = std::min(argc > 1 ? std::atoi(argv[1]) : 5000, most);
  const absl::Status status = vow::run([&] { return compare(slow, argc > 2 ? std::atoi(argv[2]) : 100); });
  if (!status.ok()) std::printf("%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
