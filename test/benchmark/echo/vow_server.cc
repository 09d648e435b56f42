// The echo server of samples/echo_server.cc, with memory of its own for what it reads.

#include <array>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "promise/coroutine.h"
#include "promise/net.h"
#include "promise/run.h"

namespace {

vow::Promise<> echo(vow::TcpStream stream) {
  std::array<char, 4096> memory;
  while (const std::size_t bytes = co_await stream.read_some(absl::MakeSpan(memory))) {
    co_await stream.write(std::string(memory.data(), bytes));
  }
}

vow::Promise<> serve(int port) {
  vow::TcpListener listener = co_await vow::TcpListener::bind(vow::SocketAddress::loopback(port));
  while (true) echo(co_await listener.accept());
}

}  // namespace

int main(int, char** argv) {
  return vow::run([&] { return serve(std::atoi(argv[1])); }).ok() ? 0 : 1;
}
