// Connections: TCP over IPv4 and IPv6, and Unix sockets.
//
//   Promise<> serve() {
//     absl::StatusOr<TcpListener> listener = TcpListener::bind(SocketAddress::loopback(8080));
//     if (!listener.ok()) co_await listener.status();
//     while (true) {
//       TcpStream stream = co_await listener->accept();
//       create_task(echo, std::move(stream));             // see promise/stream.h
//     }
//   }
//
//   Promise<std::string> fetch() {
//     TcpStream stream = co_await TcpStream::connect("example.org", 80, {.timeout = absl::Seconds(5)});
//     co_await stream.write("GET / HTTP/1.0\r\nHost: example.org\r\n\r\n");
//     co_return co_await stream.read_all();
//   }
//
// All of it can be cancelled, and given a limit by with_timeout. Errors are the system's (absl::ErrnoToStatus), with the
// operation and the address in the message.

#ifndef VOW_PROMISE_NET_H_
#define VOW_PROMISE_NET_H_

#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "loop/source_location.h"
#include "promise/promise.h"
#include "promise/stream.h"

namespace vow {

namespace promise_internal {
class ListenerState;
}

// Where a socket is: an IP address and a port, or the path of a Unix socket.
class SocketAddress {
 public:
  // "127.0.0.1:80", "[::1]:80", "unix:/run/service". No names: see resolve_host. InvalidArgument for anything else.
  static absl::StatusOr<SocketAddress> parse(std::string_view text);
  // Of an address without a port, as "127.0.0.1" or "::1".
  static absl::StatusOr<SocketAddress> ip(std::string_view address, int port);
  // A path that begins with '@' is a name in Linux's abstract namespace. InvalidArgument if it is too long.
  static absl::StatusOr<SocketAddress> unix_path(std::string_view path);
  // This machine, as it calls itself; and, to bind to, all of its addresses, IPv4 and IPv6.
  static SocketAddress loopback(int port);
  static SocketAddress any(int port);

  int port() const;  // 0 for a Unix socket.
  bool is_unix() const;
  std::string to_string() const;  // As `parse` takes it.

  // For the system's functions.
  SocketAddress(const sockaddr* address, socklen_t size);
  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }

  friend bool operator==(const SocketAddress& a, const SocketAddress& b);

 private:
  sockaddr_storage storage_ = {};
  socklen_t size_;
};

struct ConnectOptions {
  absl::Duration timeout = absl::InfiniteDuration();  // DeadlineExceeded when it has passed.
};

// A connection: a Stream with addresses. Small packets go out at once (TCP_NODELAY).
class TcpStream : public Stream {
 public:
  TcpStream() = default;  // A closed one.

  static Promise<TcpStream> connect(SocketAddress address, ConnectOptions options = {},
                                    SourceLocation where = SourceLocation::current());
  // To the first address of the host that answers, in the order of the resolver. The timeout is for all of it.
  static Promise<TcpStream> connect(std::string host, int port, ConnectOptions options = {},
                                    SourceLocation where = SourceLocation::current());
  // Of a connected socket, which becomes the stream's, also on an error.
  static absl::StatusOr<TcpStream> adopt(int fd, SourceLocation where = SourceLocation::current());

  absl::StatusOr<SocketAddress> local_address() const;
  absl::StatusOr<SocketAddress> peer_address() const;

 private:
  explicit TcpStream(Stream stream) : Stream(std::move(stream)) {}
};

struct ListenOptions {
  int backlog = SOMAXCONN;  // So many connections may wait for `accept`.
  bool reuse_port = false;  // SO_REUSEPORT: several processes may listen on one port, and share the connections.
};

class TcpListener {
 public:
  TcpListener();  // A closed one.
  TcpListener(TcpListener&& other) noexcept;
  TcpListener& operator=(TcpListener&& other) noexcept;
  ~TcpListener();

  // Listens from here on. A port of 0 is one that is free: see address(). SO_REUSEADDR is set, so a server can be
  // started again at once; the file of a Unix socket must not exist, and is removed when the listener is closed.
  static absl::StatusOr<TcpListener> bind(SocketAddress address, ListenOptions options = {},
                                          SourceLocation where = SourceLocation::current());

  // The next connection. Several may wait: first come, first served. What fails by itself (the peer has given up) is
  // passed over; when the system is out of file descriptors or memory, the listener tries again every 100 ms.
  Promise<TcpStream> accept(SourceLocation where = SourceLocation::current());

  // Where it listens, with the port that it was given.
  SocketAddress address() const;

  // No connection is accepted any more, and who waits for one is rejected, Aborted.
  void close();
  bool is_open() const { return state_ != nullptr; }

 private:
  explicit TcpListener(std::unique_ptr<promise_internal::ListenerState> state);
  std::unique_ptr<promise_internal::ListenerState> state_;
};

// The addresses of a host, in the resolver's order of preference. Asks the system's resolver (getaddrinfo) in a thread
// of its own. NotFound if there is no such host; Unavailable if the resolver cannot tell now.
Promise<std::vector<SocketAddress>> resolve_host(std::string host, int port,
                                                 SourceLocation where = SourceLocation::current());

}  // namespace vow

#endif  // VOW_PROMISE_NET_H_
