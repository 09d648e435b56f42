// TcpListener, TcpStream, SocketAddress, resolve_host: over the loopback interface, on ports that the system picks.

#include "promise/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/when_all.h"
#include "test/support/descriptors.h"
#include "test/support/log.h"

namespace vow {
namespace {

using absl::StatusCode;

bool contains(const absl::Status& status, std::string_view text) {
  return status.message().find(text) != std::string_view::npos;
}

// Real time, for it is the kernel that answers.
class NetTest : public testing::Test {
 protected:
  // Where there is no name server, the resolver is not to ask for it for half a minute.
  static void SetUpTestSuite() { setenv("RES_OPTIONS", "timeout:1 attempts:1", 1); }

  template <class T>
  auto outcome(Promise<T> promise) {
    return run_until_complete(loop, std::move(promise));
  }
  static TcpListener listen(SocketAddress address = SocketAddress::loopback(0)) {
    absl::StatusOr<TcpListener> listener = TcpListener::bind(address);
    EXPECT_TRUE(listener.ok()) << listener.status();
    return *std::move(listener);
  }
  std::pair<TcpStream, TcpStream> connected(TcpListener& listener) {
    Promise<TcpStream> accepted = listener.accept();
    Promise<TcpStream> client = TcpStream::connect(listener.address());
    absl::StatusOr<std::tuple<TcpStream, TcpStream>> both = outcome(when_all(std::move(client), std::move(accepted)));
    EXPECT_TRUE(both.ok()) << both.status();
    return {std::get<0>(*std::move(both)), std::get<1>(*std::move(both))};
  }
  void expect_conversation(TcpStream& a, TcpStream& b) {
    EXPECT_EQ(outcome(a.write("ping")), absl::OkStatus());
    EXPECT_EQ(*outcome(b.read_exactly(4)), "ping");
    EXPECT_EQ(outcome(b.write("pong")), absl::OkStatus());
    EXPECT_EQ(*outcome(a.read_exactly(4)), "pong");
  }

  Log log;
  EventLoop loop;
};

// Addresses.

TEST(SocketAddressTest, IsWrittenAsItIsParsed) {
  for (const char* text : {"127.0.0.1:80", "[::1]:65535", "[2001:db8::1]:0", "0.0.0.0:1", "unix:/tmp/x", "unix:@x"}) {
    absl::StatusOr<SocketAddress> address = SocketAddress::parse(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->to_string(), text);
    EXPECT_EQ(*SocketAddress::parse(address->to_string()), *address);
  }
}

TEST(SocketAddressTest, RefusesWhatIsNone) {
  const std::string too_long = "unix:/" + std::string(200, 'x');
  for (const std::string& text :
       {std::string(), std::string("127.0.0.1"), std::string("localhost:80"), std::string(":80"),
        std::string("1.2.3.4:65536"), std::string("1.2.3.4:-1"), std::string("1.2.3.4:x"), std::string("[::1:80"),
        std::string("1.2.3:80"), std::string("unix:"), too_long}) {
    EXPECT_EQ(SocketAddress::parse(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(SocketAddressTest, KnowsItsPort) {
  EXPECT_EQ(SocketAddress::loopback(80).port(), 80);
  EXPECT_EQ(SocketAddress::any(81).port(), 81);
  EXPECT_EQ(SocketAddress::unix_path("/x")->port(), 0);
  EXPECT_TRUE(SocketAddress::unix_path("/x")->is_unix());
}

// Connections.

TEST_F(NetTest, ConnectsByIPv4) {
  TcpListener listener = listen();
  EXPECT_NE(listener.address().port(), 0);
  auto [client, server] = connected(listener);
  expect_conversation(client, server);
  EXPECT_EQ(*client.peer_address(), listener.address());
  EXPECT_EQ(*client.local_address(), *server.peer_address());
}

TEST_F(NetTest, ConnectsByIPv6) {
  absl::StatusOr<TcpListener> listener = TcpListener::bind(*SocketAddress::parse("[::1]:0"));
  if (!listener.ok()) GTEST_SKIP() << "no IPv6 here: " << listener.status();
  auto [client, server] = connected(*listener);
  expect_conversation(client, server);
}

TEST_F(NetTest, AnyAddressTakesConnectionsByIPv4) {
  TcpListener listener = listen(SocketAddress::any(0));
  Promise<TcpStream> accepted = listener.accept();
  EXPECT_TRUE(outcome(TcpStream::connect(SocketAddress::loopback(listener.address().port()))).ok());
  EXPECT_TRUE(outcome(std::move(accepted)).ok());
}

TEST_F(NetTest, ConnectsByAUnixSocketWhoseFileIsRemovedAtTheEnd) {
  // Not testing::TempDir(), which may be longer than the path of a socket.
  const std::string path = "/tmp/vow_net_test_" + std::to_string(getpid());
  {
    TcpListener listener = listen(*SocketAddress::unix_path(path));
    EXPECT_EQ(access(path.c_str(), F_OK), 0);
    auto [client, server] = connected(listener);
    expect_conversation(client, server);
    EXPECT_EQ(TcpListener::bind(*SocketAddress::unix_path(path)).status().code(), StatusCode::kFailedPrecondition);
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST_F(NetTest, ConnectsByName) {
  if (!outcome(resolve_host("localhost", 1)).ok()) GTEST_SKIP() << "this machine has no /etc/hosts";
  TcpListener listener = listen();
  Promise<TcpStream> accepted = listener.accept();
  EXPECT_TRUE(outcome(TcpStream::connect("localhost", listener.address().port())).ok());
  EXPECT_TRUE(outcome(std::move(accepted)).ok());
}

TEST_F(NetTest, SmallPacketsGoOutAtOnce) {
  TcpListener listener = listen();
  auto [client, server] = connected(listener);
  for (const int fd : {client.fd(), server.fd()}) {
    int no_delay = 0;
    socklen_t size = sizeof(no_delay);
    EXPECT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
    EXPECT_EQ(no_delay, 1);
  }
}

TEST_F(NetTest, DescriptorsAreNotInherited) {
  TcpListener listener = listen();
  auto [client, server] = connected(listener);
  for (const int fd : {client.fd(), server.fd()}) EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}

// Errors.

TEST_F(NetTest, WhereNobodyListensTheConnectionIsRefused) {
  const SocketAddress nobody = listen().address();  // Closed by now.
  const absl::Status status = outcome(TcpStream::connect(nobody)).status();
  EXPECT_EQ(status, absl::ErrnoToStatus(ECONNREFUSED, "connect " + nobody.to_string()));
}

TEST_F(NetTest, AnUnknownHostIsNotFound) {
  const absl::Status status = outcome(TcpStream::connect("no.such.host.invalid", 80)).status();
  EXPECT_TRUE(status.code() == StatusCode::kNotFound || status.code() == StatusCode::kUnavailable) << status;
  EXPECT_TRUE(contains(status, "no.such.host.invalid"));
}

TEST_F(NetTest, AnAddressNeedsNoResolver) {
  Promise<std::vector<SocketAddress>> addresses = resolve_host("127.0.0.1", 80);
  ASSERT_TRUE(addresses.is_fulfilled());
  EXPECT_EQ(addresses.value().at(0).to_string(), "127.0.0.1:80");
  EXPECT_EQ(outcome(resolve_host("127.0.0.1", 70000)).status().code(), StatusCode::kInvalidArgument);
}

// A full backlog answers nothing.
TEST_F(NetTest, AConnectionThatIsNotAnsweredTimesOut) {
  absl::StatusOr<TcpListener> listener = TcpListener::bind(SocketAddress::loopback(0), {.backlog = 0});
  std::vector<Promise<absl::StatusOr<TcpStream>>> connections;
  for (int i = 0; i < 10; ++i)
    connections.push_back(TcpStream::connect(listener->address(), {.timeout = absl::Milliseconds(30)}).settled());
  bool one_timed_out = false;
  for (auto& connection : connections)
    one_timed_out |= outcome(std::move(connection))->status().code() == StatusCode::kDeadlineExceeded;
  EXPECT_TRUE(one_timed_out);
}

TEST_F(NetTest, AnAddressInUseIsRefused) {
  TcpListener listener = listen();
  const absl::Status status = TcpListener::bind(listener.address()).status();
  EXPECT_EQ(status, absl::ErrnoToStatus(EADDRINUSE, "listen on " + listener.address().to_string()));
}

TEST_F(NetTest, AResetIsAnErrorOfTheRead) {
  TcpListener listener = listen();
  auto [client, server] = connected(listener);
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  const std::string peer = server.peer_address()->to_string();
  Promise<std::string> read = server.read_some();
  client.close();
  const absl::Status status = outcome(std::move(read)).status();
  EXPECT_EQ(status, absl::ErrnoToStatus(ECONNRESET, peer + ": read"));
  EXPECT_EQ(outcome(server.read_some()).status(), status);  // It stays.
}

TEST_F(NetTest, WhatIsNoConnectedSocketIsRefused) {
  EXPECT_FALSE(TcpStream::adopt(-1).ok());
  const int before = open_descriptors();
  EXPECT_FALSE(TcpStream::adopt(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)).ok());
  EXPECT_EQ(open_descriptors(), before);
}

// Accepting.

// asyncio 54
TEST_F(NetTest, AcceptsSeveralConnectionsInOneTurn) {
  TcpListener listener = listen();
  std::vector<Promise<TcpStream>> all;
  for (int i = 0; i < 10; ++i) all.push_back(TcpStream::connect(listener.address()));
  for (int i = 0; i < 10; ++i) all.push_back(listener.accept());
  EXPECT_TRUE(outcome(when_all(std::move(all))).ok());
}

TEST_F(NetTest, WhoAsksFirstIsServedFirst) {
  TcpListener listener = listen();
  for (int i = 1; i <= 3; ++i) listener.accept().then([&, i] { log.add(i); });
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(outcome(TcpStream::connect(listener.address())).ok());
  }
  EXPECT_EQ(loop.run(), absl::OkStatus());
  EXPECT_EQ(log.str(), "1 2 3");
}

TEST_F(NetTest, ACancelledAcceptLosesNoConnection) {
  TcpListener listener = listen();
  Promise<TcpStream> first = listener.accept();
  EXPECT_TRUE(first.cancel());
  EXPECT_EQ(outcome(std::move(first)).status().code(), StatusCode::kCancelled);
  auto [client, server] = connected(listener);
  expect_conversation(client, server);
}

TEST_F(NetTest, ClosingTheListenerRejectsWhoWaits) {
  TcpListener listener = listen();
  const std::string address = listener.address().to_string();
  Promise<TcpStream> accepted = listener.accept();
  listener.close();
  EXPECT_EQ(outcome(std::move(accepted)).status(),
            absl::AbortedError("accept " + address + ": the listener was closed"));
  EXPECT_EQ(outcome(listener.accept()).status().code(), StatusCode::kFailedPrecondition);
}

// asyncio 54. RELIABILITY 19.
TEST_F(NetTest, WithoutDescriptorsAcceptPausesAndGoesOnWhenThereAreSome) {
  TcpListener listener = listen();
  Promise<TcpStream> client = TcpStream::connect(listener.address());
  rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  const int next = dup(0);
  close(next);
  const rlimit none = {.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  Promise<> accepted = listener.accept().then([&] { log.add("accepted"); });
  timespec start;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
  loop.call_later(absl::Milliseconds(50), [&] {
    log.add("descriptors");
    setrlimit(RLIMIT_NOFILE, &before);
  });
  EXPECT_EQ(outcome(std::move(accepted)), absl::OkStatus());
  EXPECT_TRUE(outcome(std::move(client)).ok());
  timespec end;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
  EXPECT_EQ(log.str(), "descriptors accepted");
  EXPECT_LT(static_cast<double>(end.tv_sec - start.tv_sec) + static_cast<double>(end.tv_nsec - start.tv_nsec) * 1e-9,
            0.05);
}

TEST_F(NetTest, WithoutDescriptorsConnectAndBindAreResourceExhausted) {
  rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  const int next = dup(0);
  close(next);
  const rlimit none = {.rlim_cur = static_cast<rlim_t>(next), .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const absl::Status bound = TcpListener::bind(SocketAddress::loopback(0)).status();
  const absl::Status connected = outcome(TcpStream::connect(SocketAddress::loopback(1))).status();
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(bound.code(), StatusCode::kResourceExhausted) << bound;
  EXPECT_EQ(connected.code(), StatusCode::kResourceExhausted) << connected;
}

TEST_F(NetTest, AnIdleListenerDoesNotKeepTheLoopWaiting) {
  TcpListener listener = listen();
  EXPECT_TRUE(loop.is_stalled());
  Promise<TcpStream> accepted = listener.accept();
  EXPECT_FALSE(loop.is_stalled());
  accepted.cancel();
  EXPECT_EQ(loop.run(), absl::OkStatus());
}

// A small version of test/stress/churn.
TEST_F(NetTest, AHundredConnectionsOfWhichAQuarterIsReset) {
  const int before = open_descriptors();
  {
    TcpListener listener = listen();
    int echoed = 0;
    auto serve_one = [&](TcpStream stream) -> Promise<> {
      while (true) {
        std::string bytes = co_await stream.read_some();
        if (bytes.empty()) co_return;
        co_await stream.write(std::move(bytes));
        ++echoed;
      }
    };
    auto serve = [&]() -> Promise<> {
      for (int i = 0; i < 100; ++i) serve_one(co_await listener.accept()).catch_([](absl::Status) {});
    };
    auto be_client = [&](int number) -> Promise<> {
      TcpStream stream = co_await TcpStream::connect(listener.address());
      co_await stream.write("hello");
      EXPECT_EQ(co_await stream.read_exactly(5), "hello");
      const linger at_once = {.l_onoff = 1, .l_linger = 0};
      if (number % 4 == 0) setsockopt(stream.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
      if (number % 4 == 1) co_await stream.shutdown();
    };
    std::vector<Promise<>> clients;
    clients.push_back(serve());
    for (int i = 0; i < 100; ++i) clients.push_back(be_client(i));
    EXPECT_EQ(outcome(when_all(clients)), absl::OkStatus());
    EXPECT_EQ(loop.run(), absl::OkStatus());
    EXPECT_EQ(echoed, 100);
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace vow
