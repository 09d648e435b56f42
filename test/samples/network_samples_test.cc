// Runs the samples that talk to the world, and talks to them: by vow's own streams and processes, on ports that the system
// picks.

#include <signal.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/net.h"
#include "promise/process.h"
#include "promise/run.h"
#include "promise/with_timeout.h"

namespace vow {
namespace {

class NetworkSamplesTest : public testing::Test {
 protected:
  template <class T>
  auto outcome(Promise<T> promise) {
    return run_until_complete(loop, with_timeout(std::move(promise), absl::Seconds(30)));
  }
  // Bazel starts tests where the sources' tree begins.
  static Process start(std::vector<std::string> argv) {
    argv[0] = "samples/" + argv[0];
    absl::StatusOr<Process> sample =
        Process::start(std::move(argv), {.in = Process::kPipe, .out = Process::kPipe, .err = Process::kSameAsOut});
    EXPECT_TRUE(sample.ok()) << sample.status();
    return *std::move(sample);
  }
  // A server, and where it listens.
  std::pair<Process, SocketAddress> start_server(const std::string& name) {
    Process server = start({name, "--listen=127.0.0.1:0"});
    std::string line = outcome(server.out().read_line())->value_or("");
    std::string_view address = line;
    EXPECT_TRUE(absl::ConsumePrefix(&address, "listening on ")) << line;
    return {std::move(server), *SocketAddress::parse(address)};
  }
  // Ctrl-C, and what it prints then.
  void expect_end_by_interrupt(Process& process, const std::string& last_words) {
    EXPECT_EQ(process.kill(SIGINT), absl::OkStatus());
    EXPECT_EQ(*outcome(process.out().read_all()), last_words);
    EXPECT_EQ(outcome(process.exit())->to_string(), "exit code 0");
  }
  std::string output_of(std::vector<std::string> argv) {
    Process sample = start(std::move(argv));
    std::string output = *outcome(sample.out().read_all());
    EXPECT_TRUE(outcome(sample.exit())->ok());
    return output;
  }
  std::string ask(const SocketAddress& server, const std::string& request) {
    absl::StatusOr<TcpStream> stream = outcome(TcpStream::connect(server));
    EXPECT_EQ(outcome(stream->write(request)), absl::OkStatus());
    const std::string reply = *outcome(stream->read_all());
    return reply.substr(0, reply.find('\r')) + " ... " + reply.substr(reply.rfind('\r') + 2);
  }

  EventLoop loop;
};

TEST_F(NetworkSamplesTest, EchoServerAndItsClient) {
  auto [server, address] = start_server("echo_server");
  EXPECT_EQ(output_of({"echo_client", "--connect=" + address.to_string(), "one", "two"}), "one\ntwo\n");
  absl::StatusOr<TcpStream> idle = outcome(TcpStream::connect(address));
  expect_end_by_interrupt(server, "CANCELLED: interrupted (SIGINT)\n");
}

TEST_F(NetworkSamplesTest, HttpServer) {
  auto [server, address] = start_server("http_server");
  EXPECT_EQ(ask(address, "GET / HTTP/1.0\r\n\r\n"), "HTTP/1.0 200 OK ... hello\n");
  EXPECT_EQ(ask(address, "GET /sleep/0.01 HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.0 200 OK ... slept 10ms\n");
  EXPECT_EQ(ask(address, "GET /x HTTP/1.0\r\n\r\n"), "HTTP/1.0 404 Not Found ... nothing here\n");
  EXPECT_EQ(ask(address, "PUT / HTTP/1.0\r\n\r\n"), "HTTP/1.0 405 Method Not Allowed ... only GET\n");
  EXPECT_EQ(ask(address, "\x16\x03\x01\r\n\r\n"), "HTTP/1.0 400 Bad Request ... what?\n");
  EXPECT_EQ(ask(address, std::string(20000, 'x')), "HTTP/1.0 400 Bad Request ... what?\n");
  expect_end_by_interrupt(server, "CANCELLED: interrupted (SIGINT)\n");
}

TEST_F(NetworkSamplesTest, FetchAsksAgainAndKeepsTheOrder) {
  auto [server, address] = start_server("http_server");
  // With more of a limit than a busy machine needs, but for the page that takes an hour.
  EXPECT_EQ(output_of({"fetch", "--from=" + address.to_string(), "/sleep/0.01", "/flaky", "/", "/nothing"}),
            "200  slept 10ms          /sleep/0.01\n"
            "200  it works now        /flaky\n"
            "200  hello               /\n"
            "404  nothing here        /nothing\n");
  EXPECT_EQ(output_of({"fetch", "--from=" + address.to_string(), "--timeout=10ms", "/sleep/3600"}),
            "DEADLINE_EXCEEDED        /sleep/3600\n");
  expect_end_by_interrupt(server, "CANCELLED: interrupted (SIGINT)\n");
}

TEST_F(NetworkSamplesTest, FetchSaysThatNobodyListens) {
  EXPECT_EQ(output_of({"fetch", "--from=127.0.0.1:1", "--attempts=1", "/"}), "UNAVAILABLE              /\n");
}

TEST_F(NetworkSamplesTest, ChatServer) {
  auto [server, address] = start_server("chat_server");
  absl::StatusOr<TcpStream> ada = outcome(TcpStream::connect(address));
  EXPECT_EQ(outcome(ada->write("ada\n")), absl::OkStatus());
  absl::StatusOr<TcpStream> bob;
  do {  // Which of the two is served first is not laid down: what bob says may come before ada has a name.
    bob = outcome(TcpStream::connect(address));
    EXPECT_EQ(outcome(bob->write("bob\n")), absl::OkStatus());
  } while (!outcome(with_timeout(ada->read_until("* bob is here\n"), absl::Seconds(1))).ok());
  EXPECT_EQ(outcome(bob->write("hello\n")), absl::OkStatus());
  EXPECT_EQ(outcome(ada->read_until("bob: hello\n")).status(), absl::OkStatus());
  bob->close();
  EXPECT_EQ(outcome(ada->read_until("* bob has gone\n")).status(), absl::OkStatus());
  expect_end_by_interrupt(server, "CANCELLED: interrupted (SIGINT)\n");
}

TEST_F(NetworkSamplesTest, JobRunnerShowsTheOutputOfEachJob) {
  EXPECT_EQ(output_of({"job_runner", "--jobs=1", "echo one; echo two", "echo three >&2"}),
            "1| one\n"
            "1| two\n"
            "1: exit code 0\n"
            "2| three\n"
            "2: exit code 0\n");
}

TEST_F(NetworkSamplesTest, JobRunnerReadsCommandsAndFailsIfOneFails) {
  Process sample = start({"job_runner"});
  EXPECT_EQ(outcome(sample.in().write("exit 3\n")), absl::OkStatus());
  EXPECT_EQ(outcome(sample.in().shutdown()), absl::OkStatus());
  EXPECT_EQ(*outcome(sample.out().read_all()), "1: exit code 3\n1 of 1 failed\n");
  EXPECT_EQ(outcome(sample.exit())->to_string(), "exit code 1");
}

TEST_F(NetworkSamplesTest, FourEvents) {
  // Sorted: a machine that stands still for a moment finds two of them at once.
  std::vector<std::string> lines = absl::StrSplit(output_of({"four_events"}), '\n', absl::SkipEmpty());
  std::sort(lines.begin(), lines.end());
  EXPECT_EQ(absl::StrJoin(lines, "\n"),
            "the signal was raised: SIGUSR1\n"
            "the socket has data: hello\n"
            "the task has completed: 42\n"
            "the timer has expired");
}

TEST_F(NetworkSamplesTest, CtrlC) {
  Process sample = start({"ctrl_c"});
  EXPECT_EQ(outcome(sample.out().read_line())->value_or(""), "working 1");
  EXPECT_EQ(sample.kill(SIGINT), absl::OkStatus());
  const std::string last_words =
      "cleaning up: CANCELLED: interrupted (SIGINT)\n"
      "clean\n"
      "CANCELLED: interrupted (SIGINT)\n";
  // On a machine that is very busy a second has passed before the signal.
  EXPECT_TRUE(absl::EndsWith(*outcome(sample.out().read_all()), last_words));
}

TEST_F(NetworkSamplesTest, PipeLines) {
  Process sample = start({"pipe_lines"});
  EXPECT_EQ(outcome(sample.in().write("one\n")), absl::OkStatus());
  const std::string complaint = "... still waiting";
  std::string line;
  do {
    line = outcome(sample.out().read_line())->value_or("");
  } while (line == complaint);
  EXPECT_EQ(line, "1: one");
  EXPECT_EQ(outcome(sample.out().read_line())->value_or(""), complaint);
  EXPECT_EQ(outcome(sample.in().write("two")), absl::OkStatus());
  EXPECT_EQ(outcome(sample.in().shutdown()), absl::OkStatus());
  EXPECT_TRUE(absl::EndsWith(*outcome(sample.out().read_all()), "2: two\n2 lines\n"));
}

TEST_F(NetworkSamplesTest, ParallelProcesses) {
  const std::string output = output_of({"parallel_processes", "--seconds=0.2"});
  EXPECT_EQ(output.find("5 processes: 0 1 2 3 4 took "), 0u) << output;
  EXPECT_NE(output.find("\n5 promises:  0 1 2 3 4 took "), std::string::npos) << output;
}

}  // namespace
}  // namespace vow
