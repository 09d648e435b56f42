// A web server that speaks as much HTTP/1.0 as is needed to answer `curl`: GET /, GET /sleep/SECONDS
// and GET /flaky.
//
//   $ http_server --listen=127.0.0.1:8080
//   $ curl http://127.0.0.1:8080/
//   hello
//   $ curl http://127.0.0.1:8080/sleep/0.5          # and others meanwhile
//   slept 500ms
//   $ curl http://127.0.0.1:8080/flaky              # is not to be had every other time
//   not now

#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "promise/coroutine.h"
#include "promise/net.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/task_group.h"
#include "promise/with_timeout.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:8080", "address and port; port 0 is any that is free");

std::string response(const char* status, const std::string& body) {
  return absl::StrCat("HTTP/1.0 ", status, "\r\nContent-Type: text/plain\r\nContent-Length: ", body.size(),
                      "\r\nConnection: close\r\n\r\n", body);
}

vow::Promise<std::string> answer(std::string head) {
  const std::vector<std::string> request = absl::StrSplit(head.substr(0, head.find('\r')), ' ');
  if (request.size() != 3 || !absl::StartsWith(request[2], "HTTP/1.")) co_return response("400 Bad Request", "what?\n");
  if (request[0] != "GET") co_return response("405 Method Not Allowed", "only GET\n");
  double seconds = 0;
  if (request[1] == "/") co_return response("200 OK", "hello\n");
  if (absl::StartsWith(request[1], "/sleep/") && absl::SimpleAtod(request[1].substr(7), &seconds)) {
    co_await vow::sleep(absl::Seconds(seconds));
    co_return response("200 OK", absl::StrCat("slept ", absl::FormatDuration(absl::Seconds(seconds)), "\n"));
  }
  static bool is_flaky = false;
  if (request[1] == "/flaky") {
    is_flaky = !is_flaky;
    co_return is_flaky ? response("503 Service Unavailable", "not now\n") : response("200 OK", "it works now\n");
  }
  co_return response("404 Not Found", "nothing here\n");
}

vow::Promise<> serve_client(vow::TcpStream stream) {
  // Who sends nothing for ten seconds, or no end of a head, is not waited for.
  auto head = co_await vow::with_timeout(stream.read_until("\r\n\r\n", 16384), absl::Seconds(10)).settled();
  std::string reply = response("400 Bad Request", "what?\n");
  if (head.ok()) reply = co_await answer(*std::move(head));
  // The client may have gone, which is no reason to end the others.
  (co_await stream.write(std::move(reply)).settled()).IgnoreError();
  (co_await stream.shutdown().settled()).IgnoreError();
}

vow::Promise<> serve() {
  const vow::SocketAddress address = co_await vow::SocketAddress::parse(absl::GetFlag(FLAGS_listen));
  vow::TcpListener listener = co_await vow::TcpListener::bind(address);
  std::cout << "listening on " << listener.address().to_string() << std::endl;
  vow::TaskGroup clients;
  while (true) clients.spawn(serve_client, co_await listener.accept());
}

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("http_server [--listen=ADDRESS:PORT]");
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = vow::run(serve);
  std::cout << status << "\n";
  return absl::IsCancelled(status) ? 0 : 1;
}
