// What a loop listens for: a task that completes, data on a network socket, a timer, a signal; all four at once, in one
// program. ("asyncio": the event loop)
//
// Prints, a line each tenth of a second:
//   the task has completed: 42
//   the socket has data: hello
//   the timer has expired
//   the signal was raised: SIGUSR1

#include <signal.h>

#include <iostream>
#include <string>

#include "absl/flags/parse.h"
#include "promise/coroutine.h"
#include "promise/create_task.h"
#include "promise/net.h"
#include "promise/run.h"
#include "promise/signal.h"
#include "promise/sleep.h"
#include "promise/when_all.h"

vow::Promise<int> compute() {
  co_await vow::sleep(absl::Milliseconds(100));
  co_return 42;
}

vow::Promise<> on_task() {
  const int result = co_await vow::create_task(compute);
  std::cout << "the task has completed: " << result << std::endl;
}

vow::Promise<> on_socket(vow::TcpStream& socket) {
  const std::string bytes = co_await socket.read_some();
  std::cout << "the socket has data: " << bytes << std::endl;
}

vow::Promise<> on_timer() {
  co_await vow::sleep(absl::Milliseconds(300));
  std::cout << "the timer has expired" << std::endl;
}

vow::Promise<> on_signal() {
  co_await vow::signal(SIGUSR1);
  std::cout << "the signal was raised: SIGUSR1" << std::endl;
}

// The other end of the socket, and whoever sends the signal.
vow::Promise<> outside_world(vow::TcpStream& peer) {
  co_await vow::sleep(absl::Milliseconds(200));
  co_await peer.write("hello");
  co_await vow::sleep(absl::Milliseconds(200));
  raise(SIGUSR1);
}

vow::Promise<> listen_to_all() {
  vow::TcpListener listener = co_await vow::TcpListener::bind(vow::SocketAddress::loopback(0));
  vow::TcpStream peer = co_await vow::TcpStream::connect(listener.address());
  vow::TcpStream socket = co_await listener.accept();
  vow::Promise<> task = on_task(), data = on_socket(socket), timer = on_timer(), signal = on_signal();
  vow::Promise<> world = outside_world(peer);
  co_await vow::when_all(task, data, timer, signal, world);
}

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = vow::run(listen_to_all);
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
