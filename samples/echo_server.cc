// A server: whatever a client sends comes back to it. Any number of clients at once, on one thread.
//
//   $ echo_server --listen=127.0.0.1:7000
//   listening on 127.0.0.1:7000
//
//   $ nc 127.0.0.1 7000
//   hello
//   hello
//
// Ctrl-C ends it: vow::run cancels serve(), which lets go of the listener and, with the group, of all clients.

#include <iostream>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "promise/coroutine.h"
#include "promise/net.h"
#include "promise/run.h"
#include "promise/task_group.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:7000", "address and port, or unix:PATH; port 0 is any that is free");

vow::Promise<> echo(vow::TcpStream stream) {
  while (true) {
    std::string bytes = co_await stream.read_some();
    if (bytes.empty()) co_return;
    co_await stream.write(std::move(bytes));  // Until the client has taken it: a slow one does not fill our memory.
  }
}

// A client that fails is no reason to end the others.
vow::Promise<> serve_client(vow::TcpStream stream) {
  const absl::Status status = co_await echo(std::move(stream)).settled();
  if (!status.ok()) std::cerr << status << "\n";
}

vow::Promise<> serve() {
  const vow::SocketAddress address = co_await vow::SocketAddress::parse(absl::GetFlag(FLAGS_listen));
  vow::TcpListener listener = co_await vow::TcpListener::bind(address);
  std::cout << "listening on " << listener.address().to_string() << std::endl;
  vow::TaskGroup clients;
  while (true) clients.spawn(serve_client, co_await listener.accept());
}

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("echo_server [--listen=ADDRESS:PORT]");
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = vow::run(serve);
  std::cout << status << "\n";
  return absl::IsCancelled(status) ? 0 : 1;
}
