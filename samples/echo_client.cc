// A client of echo_server: sends lines, each when the one before has come back.
//
//   $ echo_client --connect=127.0.0.1:7000 one two three
//   one
//   two
//   three

#include <iostream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "promise/coroutine.h"
#include "promise/net.h"
#include "promise/run.h"
#include "promise/with_timeout.h"

ABSL_FLAG(std::string, connect, "127.0.0.1:7000", "where echo_server listens");
ABSL_FLAG(absl::Duration, timeout, absl::Seconds(5), "for the connection, and for each line");

vow::Promise<> converse(std::vector<std::string> lines) {
  const absl::Duration timeout = absl::GetFlag(FLAGS_timeout);
  const vow::SocketAddress address = co_await vow::SocketAddress::parse(absl::GetFlag(FLAGS_connect));
  vow::TcpStream stream = co_await vow::TcpStream::connect(address, {.timeout = timeout});
  for (const std::string& line : lines) {
    co_await stream.write(line + "\n");
    const auto answer = co_await vow::with_timeout(stream.read_line(), timeout);
    std::cout << answer.value_or("(the server has gone)") << std::endl;
  }
}

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("echo_client [--connect=ADDRESS:PORT] LINE ...");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const std::vector<std::string> lines(arguments.begin() + 1, arguments.end());
  const absl::Status status = vow::run([&] { return converse(lines); });
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
