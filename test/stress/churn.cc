// Connections that come and go: churn [CONNECTIONS [ROUNDS]]. Of each round's, half are reset, a quarter is half-closed, the
// rest closed, at random moments. Server and clients are two processes. RELIABILITY 27.

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "promise/coroutine.h"
#include "promise/map.h"
#include "promise/net.h"
#include "promise/run.h"
#include "promise/signal.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "test/stress/check.h"

namespace vow::stress {
namespace {

// How late a timer comes: no turn may take longer.
class Heartbeat {
 public:
  void start() {
    due_ = EventLoop::current().now() + absl::Milliseconds(5);
    handle_ = EventLoop::current().call_at(due_, [this] {
      latest_ = std::max(latest_, EventLoop::current().now() - due_);
      start();
    });
  }
  double latest_ms() const { return absl::ToDoubleMilliseconds(latest_); }
  void stop() { handle_.cancel(); }

 private:
  absl::Time due_;
  absl::Duration latest_;
  Handle handle_;
};

struct Counts {
  long accepted = 0, at_once = 0, most_at_once = 0, ended = 0, failed = 0;
};

Promise<> echo(TcpStream stream, Counts& counts) {
  counts.most_at_once = std::max(counts.most_at_once, ++counts.at_once);
  const auto serve = [](TcpStream& one) -> Promise<> {
    while (true) {
      std::string bytes = co_await one.read_some();
      if (bytes.empty()) co_return;
      co_await one.write(std::move(bytes));
    }
  };
  const absl::Status status = co_await serve(stream).settled();
  counts.failed += status.ok() ? 0 : 1;
  ++counts.ended;
  --counts.at_once;
}

int serve(int address_pipe, int connections, int rounds) {
  const int before = open_descriptors();
  Counts counts;
  Heartbeat heartbeat;
  const absl::Status status = run([&]() -> Promise<> {
    TcpListener listener = co_await TcpListener::bind(SocketAddress::loopback(0));
    const std::string address = listener.address().to_string() + "\n";
    VOW_STRESS_CHECK(write(address_pipe, address.data(), address.size()) > 0);
    heartbeat.start();
    for (long i = 0; i < long{connections} * rounds; ++i) {
      echo(co_await listener.accept(), counts);
      ++counts.accepted;
    }
    while (counts.at_once > 0) co_await sleep(absl::Milliseconds(10));
    heartbeat.stop();
  });
  VOW_STRESS_CHECK(status.ok());
  VOW_STRESS_CHECK(counts.ended == long{connections} * rounds);
  VOW_STRESS_CHECK(open_descriptors() == before);
  std::printf("server: %ld connections, at most %ld at once; %ld were reset; latest timer %.1f ms late\n",
              counts.accepted, counts.most_at_once, counts.failed, heartbeat.latest_ms());
  return 0;
}

Promise<> be_client(SocketAddress address, unsigned seed) {
  std::minstd_rand random(seed);
  TcpStream stream = co_await TcpStream::connect(address);
  const auto pause = [&] { return sleep(absl::Microseconds(static_cast<int>(random() % 2'000'000))); };
  co_await pause();
  const std::string bytes(1 + random() % 5000, 'x');
  co_await stream.write(bytes);
  switch (random() % 4) {
    case 0:
    case 1: {
      co_await pause();
      const linger at_once = {.l_onoff = 1, .l_linger = 0};
      setsockopt(stream.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
      break;
    }
    case 2: {
      co_await stream.shutdown();
      const std::string back = co_await stream.read_all();
      VOW_STRESS_CHECK(back == bytes);
      break;
    }
    default: {
      const std::string back = co_await stream.read_exactly(bytes.size());
      VOW_STRESS_CHECK(back == bytes);
      break;
    }
  }
}

int be_clients(const std::string& server, int connections, int rounds) {
  const int before = open_descriptors();
  Heartbeat heartbeat;
  const double start = seconds();
  const absl::Status status = run([&]() -> Promise<> {
    const SocketAddress address = co_await SocketAddress::parse(server);
    heartbeat.start();
    for (int round = 0; round < rounds; ++round) {
      std::vector<Promise<>> clients;
      for (int i = 0; i < connections; ++i) {
        clients.push_back(be_client(address, static_cast<unsigned>(round * connections + i + 1)));
        if (i % 100 == 99) co_await sleep(absl::Milliseconds(1));  // Not all in one turn.
      }
      co_await when_all(clients);
    }
    heartbeat.stop();
  });
  std::printf("clients: %s, %.1f s; latest timer %.1f ms late\n", status.ok() ? "OK" : status.ToString().c_str(),
              seconds() - start, heartbeat.latest_ms());
  VOW_STRESS_CHECK(status.ok());
  VOW_STRESS_CHECK(open_descriptors() == before);
  return 0;
}

}  // namespace
}  // namespace vow::stress

int main(int argc, char** argv) {
  using namespace vow::stress;
  const int most = raise_descriptor_limit() - 100;
  const int connections = std::min(argc > 1 ? std::atoi(argv[1]) : 10'000, most);
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 1;
  int address[2];
  VOW_STRESS_CHECK(pipe(address) == 0);
  const pid_t child = fork();
  if (child == 0) return serve(address[1], connections, rounds);
  char server[64] = {};
  VOW_STRESS_CHECK(read(address[0], server, sizeof(server) - 1) > 0);
  std::string name(server);
  name.pop_back();
  const int result = be_clients(name, connections, rounds);
  int status = 0;
  waitpid(child, &status, 0);
  return result != 0 || status != 0;
}
