// Streams where the kernel says EAGAIN though there is something to be had, as it may after a wrong checksum, or under a
// tracer. RELIABILITY 18. The system calls are this file's own.

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "promise/net.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/stream.h"

namespace {
int untrue_reads = 0;  // So many of the next calls fail.
int untrue_writes = 0;
int untrue_accepts = 0;

bool is_untrue(int& left) {
  if (left == 0) return false;
  --left;
  errno = EAGAIN;
  return true;
}
}  // namespace

extern "C" ssize_t recv(int fd, void* memory, size_t size, int flags) {
  return is_untrue(untrue_reads) ? -1 : syscall(SYS_recvfrom, fd, memory, size, flags, nullptr, nullptr);
}

extern "C" ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  return is_untrue(untrue_writes) ? -1 : syscall(SYS_sendto, fd, bytes, size, flags, nullptr, 0);
}

extern "C" int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  return is_untrue(untrue_accepts) ? -1 : static_cast<int>(syscall(SYS_accept4, fd, address, size, flags));
}

namespace vow {
namespace {

class StreamEagainTest : public testing::Test {
 protected:
  StreamEagainTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    near = *Stream::adopt(ends[0]);
    far = *Stream::adopt(ends[1]);
  }
  void poll() { EXPECT_EQ(loop.poll(), absl::OkStatus()); }

  EventLoop loop;
  Stream near, far;
};

TEST_F(StreamEagainTest, AReadThatWaitsGoesOn) {
  Promise<std::string> bytes = near.read_some();
  poll();
  untrue_reads = 2;
  Promise<> written = far.write("hello");
  EXPECT_EQ(run_until_complete(loop, bytes).value(), "hello");
  EXPECT_EQ(untrue_reads, 0);
}

TEST_F(StreamEagainTest, AReadOfWhatIsThereGoesOn) {
  Promise<> written = far.write("hello");
  poll();
  untrue_reads = 2;
  EXPECT_EQ(run_until_complete(loop, near.read_some()).value(), "hello");
}

TEST_F(StreamEagainTest, AWriteGoesOn) {
  untrue_writes = 2;
  EXPECT_EQ(run_until_complete(loop, far.write("hello")), absl::OkStatus());
  EXPECT_EQ(run_until_complete(loop, near.read_some()).value(), "hello");
}

TEST_F(StreamEagainTest, AnAcceptGoesOn) {
  TcpListener listener = *TcpListener::bind(SocketAddress::loopback(0));
  Promise<TcpStream> accepted = listener.accept();
  poll();
  untrue_accepts = 2;
  Promise<TcpStream> connected = TcpStream::connect(listener.address());
  EXPECT_EQ(run_until_complete(loop, std::move(accepted)).status(), absl::OkStatus());
  EXPECT_EQ(untrue_accepts, 0);
}

}  // namespace
}  // namespace vow
