// Measures an echo server: starts it, plays ping-pong with it over 64 connections, and says what processor time a round
// trip has cost the server.
//
//   load ROUND_TRIPS SERVER        SERVER is run as `SERVER PORT`
//
// The server is alone on the first processor, this program on the second. Prints nanoseconds per round trip.

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int kConnections = 64;
constexpr int kBytes = 64;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void run_on(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

sockaddr_in loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof(address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) fail("bind");
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = loopback(port);
  for (int tries = 0; connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0; ++tries) {
    if (tries == 1000) fail("connect");
    usleep(1000);
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

std::int64_t cpu_nanoseconds(clockid_t clock) {
  timespec time;
  if (clock_gettime(clock, &time) != 0) fail("clock_gettime");
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const long round_trips = std::atol(argv[1]);
  const int port = free_port();
  const pid_t server = fork();
  if (server == 0) {
    run_on(0);
    execl(argv[2], argv[2], std::to_string(port).c_str(), nullptr);
    fail(argv[2]);
  }
  run_on(1);
  const int epoll = epoll_create1(0);
  char ping[kBytes], pong[kBytes];
  std::memset(ping, 'x', sizeof(ping));
  for (int i = 0; i < kConnections; ++i) {
    const int fd = connect_to(port);
    epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    if (write(fd, ping, kBytes) != kBytes) fail("write");
  }
  clockid_t clock;
  clock_getcpuclockid(server, &clock);
  std::int64_t start = 0;
  const long warm_up = round_trips / 10;
  for (long done = 0; done < round_trips + warm_up;) {
    if (start == 0 && done >= warm_up) start = cpu_nanoseconds(clock);
    epoll_event events[kConnections];
    const int count = epoll_wait(epoll, events, kConnections, -1);
    for (int i = 0; i < count; ++i) {
      if (read(events[i].data.fd, pong, kBytes) != kBytes) fail("read");
      if (write(events[i].data.fd, ping, kBytes) != kBytes) fail("write");
      ++done;
    }
  }
  std::printf("%.0f\n", static_cast<double>(cpu_nanoseconds(clock) - start) / static_cast<double>(round_trips));
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
}
