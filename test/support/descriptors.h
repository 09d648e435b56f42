// File descriptors for tests, which close themselves.
//
//   SocketPair pair;
//   pair.write("hello");                    // from the far end, b
//   loop.add_reader(pair.a, ...);

#ifndef VOW_TEST_SUPPORT_DESCRIPTORS_H_
#define VOW_TEST_SUPPORT_DESCRIPTORS_H_

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace vow {

// Two connected sockets that do not block.
class SocketPair {
 public:
  SocketPair() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
      ADD_FAILURE() << "no socketpair";
      return;
    }
    a = ends[0];
    b = ends[1];
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;
  ~SocketPair() {
    close_a();
    close_b();
  }

  void close_a() { close_one(a); }
  void close_b() { close_one(b); }

  // From b; and what has come to a, "" if nothing has.
  void write(std::string_view bytes) {
    EXPECT_EQ(::write(b, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  std::string read(std::size_t most = 4096) { return read_from(a, most); }

  static std::string read_from(int fd, std::size_t most = 4096) {
    std::string bytes(most, '\0');
    const ssize_t count = ::read(fd, bytes.data(), bytes.size());
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
  }

  // Until a's peer takes no more.
  void fill_a() {
    const std::string bytes(4096, 'x');
    while (::write(a, bytes.data(), bytes.size()) > 0) continue;
  }
  void drain_b() {
    while (!read_from(b, 65536).empty()) continue;
  }

  int a = -1;
  int b = -1;

 private:
  static void close_one(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

// How many descriptors this process has.
inline int open_descriptors() {
  int count = -1;  // The directory's own.
  DIR* const directory = opendir("/proc/self/fd");
  if (directory == nullptr) return -1;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(directory);
  return count;
}

}  // namespace vow

#endif  // VOW_TEST_SUPPORT_DESCRIPTORS_H_
