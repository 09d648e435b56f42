#include "promise/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "loop/fd_watch.h"
#include "loop/timer.h"
#include "promise/coroutine.h"
#include "promise/internal/owned_fd.h"
#include "promise/internal/wait_queue.h"
#include "promise/io.h"
#include "promise/thread.h"
#include "promise/with_timeout.h"

namespace vow {
namespace {

using promise_internal::OwnedFd;

absl::Status failed(const char* call, const SocketAddress& address, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat(call, " ", address.to_string()));
}

void set(int fd, int level, int option) {
  const int on = 1;
  setsockopt(fd, level, option, &on, sizeof(on));  // What fails here is not of the kind; it works without.
}

template <class GetName>
absl::StatusOr<SocketAddress> name_of(int fd, GetName get_name, const char* call) {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(storage);
  if (get_name(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return absl::ErrnoToStatus(errno, call);
  return SocketAddress(reinterpret_cast<sockaddr*>(&storage), size);
}

}  // namespace

// SocketAddress.

SocketAddress::SocketAddress(const sockaddr* address, socklen_t size)
    : size_(std::min<socklen_t>(size, sizeof(storage_))) {
  std::memcpy(&storage_, address, size_);
}

absl::StatusOr<SocketAddress> SocketAddress::ip(std::string_view address, int port) {
  if (port < 0 || port > 65535) return absl::InvalidArgumentError(absl::StrCat(port, " is not a port"));
  const std::string text(address);
  sockaddr_in v4 = {};
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<std::uint16_t>(port));
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
  }
  sockaddr_in6 v6 = {};
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(static_cast<std::uint16_t>(port));
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", address, "\" is not an IP address"));
}

absl::StatusOr<SocketAddress> SocketAddress::unix_path(std::string_view path) {
  sockaddr_un address = {};
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return absl::InvalidArgumentError(absl::StrCat("\"", path, "\" cannot be the path of a socket: ", path.size(),
                                                   " bytes, of at most ", sizeof(address.sun_path) - 1));
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  const bool is_abstract = path[0] == '@';
  if (is_abstract) address.sun_path[0] = '\0';
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address),
                       static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (is_abstract ? 0 : 1)));
}

absl::StatusOr<SocketAddress> SocketAddress::parse(std::string_view text) {
  std::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "unix:")) return unix_path(rest);
  const std::size_t colon = text.rfind(':');
  int port = 0;
  if (colon == text.npos || !absl::SimpleAtoi(text.substr(colon + 1), &port))
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not of the form ADDRESS:PORT or unix:PATH"));
  std::string_view address = text.substr(0, colon);
  if (absl::ConsumePrefix(&address, "[") && !absl::ConsumeSuffix(&address, "]"))
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" lacks a ]"));
  return ip(address, port);
}

SocketAddress SocketAddress::loopback(int port) { return *ip("127.0.0.1", port); }
SocketAddress SocketAddress::any(int port) { return *ip("::", port); }

bool SocketAddress::is_unix() const { return storage_.ss_family == AF_UNIX; }

int SocketAddress::port() const {
  if (storage_.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(storage_).sin_port);
  if (storage_.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(storage_).sin6_port);
  return 0;
}

std::string SocketAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage_.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage_).sin_addr, text, sizeof(text));
    return absl::StrCat(text, ":", port());
  }
  if (storage_.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(storage_).sin6_addr, text, sizeof(text));
    return absl::StrCat("[", text, "]:", port());
  }
  if (!is_unix()) return absl::StrCat("address family ", storage_.ss_family);
  const auto& address = reinterpret_cast<const sockaddr_un&>(storage_);
  const std::size_t length = size_ - std::min<std::size_t>(size_, offsetof(sockaddr_un, sun_path));
  if (length == 0) return "unix:(unnamed)";
  if (address.sun_path[0] == '\0') return absl::StrCat("unix:@", std::string_view(address.sun_path + 1, length - 1));
  return absl::StrCat("unix:", std::string_view(address.sun_path, strnlen(address.sun_path, length)));
}

bool operator==(const SocketAddress& a, const SocketAddress& b) { return a.to_string() == b.to_string(); }

// TcpStream.

absl::StatusOr<TcpStream> TcpStream::adopt(int fd, SourceLocation where) {
  absl::StatusOr<SocketAddress> peer = name_of(fd, getpeername, "TcpStream");
  if (!peer.ok()) {
    if (fd >= 0) ::close(fd);
    return peer.status();
  }
  if (!peer->is_unix()) set(fd, IPPROTO_TCP, TCP_NODELAY);
  absl::StatusOr<Stream> stream = Stream::adopt(fd, peer->to_string(), where);
  if (!stream.ok()) return stream.status();
  return TcpStream(*std::move(stream));
}

absl::StatusOr<SocketAddress> TcpStream::local_address() const { return name_of(fd(), getsockname, "local_address"); }
absl::StatusOr<SocketAddress> TcpStream::peer_address() const { return name_of(fd(), getpeername, "peer_address"); }

namespace {

Promise<TcpStream> connect_to(SocketAddress address, SourceLocation where) {
  OwnedFd fd(socket(address.data()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) co_return failed("connect", address, errno);
  int error = ::connect(fd.get(), address.data(), address.size()) == 0 ? 0 : errno;
  // An interrupted connect goes on, as one that could not be done at once does.
  if (error == EINPROGRESS || error == EINTR) {
    co_await writable(fd.get(), where);
    socklen_t size = sizeof(error);
    if (getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  }
  if (error != 0) co_return failed("connect", address, error);
  co_return TcpStream::adopt(fd.release(), where);
}

Promise<TcpStream> connect_to_any(std::string host, int port, SourceLocation where) {
  const std::vector<SocketAddress> addresses = co_await resolve_host(std::move(host), port, where);
  absl::Status last;
  for (const SocketAddress& address : addresses) {
    absl::StatusOr<TcpStream> stream = co_await connect_to(address, where).settled();
    if (stream.ok() || absl::IsCancelled(stream.status())) co_return stream;
    last = stream.status();
  }
  co_return last;
}

Promise<TcpStream> limit(Promise<TcpStream> connection, ConnectOptions options, SourceLocation where) {
  if (options.timeout == absl::InfiniteDuration()) return connection;
  return with_timeout(std::move(connection), options.timeout, where);
}

}  // namespace

Promise<TcpStream> TcpStream::connect(SocketAddress address, ConnectOptions options, SourceLocation where) {
  return limit(connect_to(address, where), options, where);
}

Promise<TcpStream> TcpStream::connect(std::string host, int port, ConnectOptions options, SourceLocation where) {
  return limit(connect_to_any(std::move(host), port, where), options, where);
}

// TcpListener.

namespace promise_internal {
namespace {

// So many may be accepted at once before the others get a turn.
constexpr int kBudget = 16;

constexpr absl::Duration kShortage = absl::Milliseconds(100);

enum class AcceptError { kNothing, kPassOver, kPause, kFatal };

AcceptError kind_of(int error) {
  switch (error) {
    case EAGAIN:
      return AcceptError::kNothing;
    // Of the connection, or of the network it came by: see accept(2).
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return AcceptError::kPassOver;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return AcceptError::kPause;
    default:
      return AcceptError::kFatal;
  }
}

}  // namespace

// The watch is for edges, as a stream's: `readable_` says whether a system call is worth a try.
class ListenerState final : private FdWatch {
 public:
  ListenerState(OwnedFd socket, SocketAddress address, SourceLocation where)
      : socket_(std::move(socket)), address_(address), where_(where) {}
  ListenerState(const ListenerState&) = delete;
  ListenerState& operator=(const ListenerState&) = delete;

  ~ListenerState() {
    if (loop_id_ != EventLoop::current_id() && EventLoop::is_open(loop_id_))
      misused("~TcpListener", "TcpListener", loop_id_, where_);
    if (FdLink::fd >= 0) EventLoop::current_or_null()->unwatch(*this);
    if (is_pausing_) EventLoop::disarm(pause_);
    if (address_.is_unix() && address_.to_string()[5] != '@') unlink(address_.to_string().c_str() + 5);
    fail(absl::AbortedError(absl::StrCat("accept ", address_.to_string(), ": the listener was closed")));
  }

  absl::Status open() {
    return EventLoop::current(where_).watch(*this, socket_.get(), kReadable | kEdge, "TcpListener");
  }

  Promise<TcpStream> accept(SourceLocation where) {
    if (loop_id_ != EventLoop::current_id()) misused("accept", "TcpListener", loop_id_, where);
    Promise<TcpStream> promise = waiting_.wait(*new Waiting(*this, where));
    if (waiting_.size() == 1) advance();
    update_hold();
    return promise;
  }

  const SocketAddress& address() const { return address_; }

 private:
  class Pause final : public Timer {
   public:
    explicit Pause(ListenerState& listener) : listener_(listener) {}

   private:
    void run() noexcept override {
      listener_.is_pausing_ = false;
      listener_.budget_ = kBudget;
      listener_.advance();
    }
    void drop() noexcept override {}
    ListenerState& listener_;
  };

  class Waiting final : public Waiter<TcpStream>, public Pooled<Waiting> {
   public:
    Waiting(ListenerState& listener, SourceLocation where) : Waiter(where), listener_(listener) {}

   private:
    void left() noexcept override { listener_.update_hold(); }
    void destroy() noexcept override { destroy_block(this); }
    ListenerState& listener_;
  };

  // The loop waits for a listener while somebody waits for it.
  void update_hold() {
    if (waiting_.empty() != holds_) return;
    holds_ = !holds_;
    if (EventLoop* const loop = EventLoop::current_or_null()) holds_ ? loop->hold() : loop->release();
  }

  void run() noexcept override {
    readable_ = true;
    if (!is_pausing_) budget_ = kBudget;
    advance();
  }
  void drop() noexcept override {
    if (std::exchange(is_pausing_, false)) EventLoop::disarm(pause_);
    fail(absl::AbortedError(absl::StrCat("accept ", address_.to_string(), ": the event loop was closed")));
  }

  void advance() {
    while (!waiting_.empty() && readable_ && !is_pausing_) {
      if (budget_ == 0) return pause(absl::ZeroDuration());
      --budget_;
      accept_one();
    }
    update_hold();
  }

  void accept_one() {
    const int accepted = accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) {
      absl::StatusOr<TcpStream> stream = TcpStream::adopt(accepted, waiting_.front().where());
      // Otherwise the peer has gone already.
      if (stream.ok()) waiting_.fulfill_next("accept", where_, *std::move(stream));
      return;
    }
    const int error = errno;
    switch (kind_of(error)) {
      case AcceptError::kNothing:
        // It may be untrue, and the edge comes only once: see StreamState::is_worth_another_try.
        readable_ = is_ready_now(socket_.get(), POLLIN);
        if (readable_) pause(absl::ZeroDuration());
        break;
      case AcceptError::kPassOver:
        break;
      case AcceptError::kPause:
        pause(kShortage);
        break;
      case AcceptError::kFatal:
        fail(failed("accept", address_, error));
        break;
    }
  }

  void pause(absl::Duration duration) {
    is_pausing_ = true;
    EventLoop::current_or_null()->arm_after(pause_, duration);
  }

  void fail(const absl::Status& error) {
    while (!waiting_.empty()) waiting_.reject_next("accept", where_, error);
    update_hold();
  }

  OwnedFd socket_;
  const SocketAddress address_;
  const SourceLocation where_;
  const std::uint16_t loop_id_ = EventLoop::current_id();
  bool readable_ = true;
  bool is_pausing_ = false;
  bool holds_ = false;  // Keeps the loop waiting.
  int budget_ = kBudget;
  Pause pause_{*this};
  WaitQueue<TcpStream> waiting_;
};

}  // namespace promise_internal

using promise_internal::ListenerState;

TcpListener::TcpListener() = default;
TcpListener::TcpListener(std::unique_ptr<ListenerState> state) : state_(std::move(state)) {}
TcpListener::TcpListener(TcpListener&& other) noexcept = default;
TcpListener& TcpListener::operator=(TcpListener&& other) noexcept = default;
TcpListener::~TcpListener() = default;

absl::StatusOr<TcpListener> TcpListener::bind(SocketAddress address, ListenOptions options, SourceLocation where) {
  OwnedFd fd(socket(address.data()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0 && errno == EAFNOSUPPORT && address == SocketAddress::any(address.port()))
    return bind(*SocketAddress::ip("0.0.0.0", address.port()), options, where);
  if (fd.get() < 0) return failed("listen on", address, errno);
  if (!address.is_unix()) set(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (options.reuse_port) set(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  if (::bind(fd.get(), address.data(), address.size()) != 0) return failed("listen on", address, errno);
  if (::listen(fd.get(), options.backlog) != 0) return failed("listen on", address, errno);
  absl::StatusOr<SocketAddress> bound = name_of(fd.get(), getsockname, "listen");
  if (!bound.ok()) return bound.status();
  auto state = std::make_unique<ListenerState>(std::move(fd), *bound, where);
  if (absl::Status status = state->open(); !status.ok()) return status;
  return TcpListener(std::move(state));
}

Promise<TcpStream> TcpListener::accept(SourceLocation where) {
  if (state_ == nullptr)
    return reject<TcpStream>(absl::FailedPreconditionError("accept: the listener is closed"), where);
  return state_->accept(where);
}

SocketAddress TcpListener::address() const {
  if (state_ == nullptr) return SocketAddress::loopback(0);
  return state_->address();
}

void TcpListener::close() { state_ = nullptr; }

// Names.

namespace {

absl::Status not_resolved(const std::string& host, int error, int number) {
  const std::string message = absl::StrCat("resolve ", host, ": ", gai_strerror(error));
  switch (error) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
      return absl::NotFoundError(message);
    case EAI_AGAIN:
    case EAI_FAIL:
      return absl::UnavailableError(message);
    case EAI_MEMORY:
      return absl::ResourceExhaustedError(message);
    case EAI_SYSTEM:
      return absl::ErrnoToStatus(number, absl::StrCat("resolve ", host));
    default:
      return absl::InternalError(message);
  }
}

absl::StatusOr<std::vector<SocketAddress>> resolve_now(const std::string& host, int port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &list);
  if (error != 0) return not_resolved(host, error, errno);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(list, freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next)
    addresses.emplace_back(one->ai_addr, one->ai_addrlen);
  return addresses;
}

}  // namespace

Promise<std::vector<SocketAddress>> resolve_host(std::string host, int port, SourceLocation where) {
  using Addresses = std::vector<SocketAddress>;
  if (port < 0 || port > 65535)
    return reject<Addresses>(absl::InvalidArgumentError(absl::StrCat(port, " is not a port")), where);
  // What is an address already needs no thread.
  if (absl::StatusOr<SocketAddress> address = SocketAddress::ip(host, port); address.ok())
    return resolve(Addresses{*address}, where);
  return to_thread([host = std::move(host), port] { return resolve_now(host, port); }, where);
}

}  // namespace vow
