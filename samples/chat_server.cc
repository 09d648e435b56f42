// A chat: what one says, all others hear. The first line that a client sends is his name.
//
//   $ chat_server --listen=127.0.0.1:7000
//   listening on 127.0.0.1:7000
//
//   $ nc 127.0.0.1 7000
//   ada
//   * bob is here
//   bob: hello
//
// Each client has an outbox with room for a hundred lines. Who does not read them is put out, rather than that all wait for
// him, or that his lines pile up.

#include <iostream>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "promise/channel.h"
#include "promise/coroutine.h"
#include "promise/net.h"
#include "promise/run.h"
#include "promise/task_group.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:7000", "address and port, or unix:PATH; port 0 is any that is free");

struct Member {
  std::string name;
  vow::Channel<std::string> outbox{100};
};

using Room = std::set<Member*>;  // Each belongs to the coroutine that serves it.

void tell_others(Room& room, const Member& speaker, const std::string& line) {
  for (Member* member : room) {
    if (member == &speaker || member->outbox.is_closed()) continue;
    if (!member->outbox.try_send(line + "\n")) member->outbox.close();
  }
}

// Until the outbox is closed: then the connection is, too, and so whoever reads from it comes to an end.
vow::Promise<> deliver(vow::Channel<std::string>& outbox, vow::TcpStream& stream) {
  while (std::optional<std::string> line = co_await outbox.next()) co_await stream.write(*std::move(line));
  stream.close();
}

vow::Promise<> converse(Room& room, vow::TcpStream stream) {
  Member me;
  me.name = (co_await stream.read_line(100)).value_or("");
  if (me.name.empty()) co_return;
  vow::TaskGroup delivery;  // Ends with this coroutine, however that ends.
  delivery.spawn(deliver, std::ref(me.outbox), std::ref(stream));
  tell_others(room, me, "* " + me.name + " is here");
  room.insert(&me);
  const absl::Cleanup leave = [&] {
    room.erase(&me);
    tell_others(room, me, "* " + me.name + " has gone");
  };
  while (std::optional<std::string> line = co_await stream.read_line(1000))
    tell_others(room, me, me.name + ": " + *line);
}

// A client that fails is no reason to end the others.
vow::Promise<> serve_client(Room& room, vow::TcpStream stream) {
  const absl::Status status = co_await converse(room, std::move(stream)).settled();
  if (!status.ok()) std::cerr << status << "\n";
}

vow::Promise<> serve() {
  const vow::SocketAddress address = co_await vow::SocketAddress::parse(absl::GetFlag(FLAGS_listen));
  vow::TcpListener listener = co_await vow::TcpListener::bind(address);
  std::cout << "listening on " << listener.address().to_string() << std::endl;
  Room room;
  vow::TaskGroup clients;
  while (true) clients.spawn(serve_client, std::ref(room), co_await listener.accept());
}

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("chat_server [--listen=ADDRESS:PORT]");
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = vow::run(serve);
  std::cout << status << "\n";
  return absl::IsCancelled(status) ? 0 : 1;
}
