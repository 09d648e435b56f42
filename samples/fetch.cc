// Fetches many pages from http_server: so many at a time, each with a limit in time, and again if it fails; and shows on
// the terminal how far it is.
//
//   $ fetch --from=127.0.0.1:8080 / /sleep/0.2 /flaky /sleep/9 /nothing --timeout=1s
//   200  hello               /
//   200  slept 200ms         /sleep/0.2
//   200  it works now        /flaky
//   DEADLINE_EXCEEDED        /sleep/9
//   404  nothing here        /nothing

#include <unistd.h>

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "promise/coroutine.h"
#include "promise/map.h"
#include "promise/net.h"
#include "promise/retry.h"
#include "promise/run.h"
#include "promise/with_timeout.h"

ABSL_FLAG(std::string, from, "127.0.0.1:8080", "where http_server listens");
ABSL_FLAG(int, at_once, 4, "how many connections there may be at a time");
ABSL_FLAG(int, attempts, 3, "how often a page is asked for that is not to be had");
ABSL_FLAG(absl::Duration, timeout, absl::Seconds(5), "for each attempt");

struct Page {
  int code;
  std::string body;
};

vow::Promise<Page> get(vow::SocketAddress server, std::string path) {
  vow::TcpStream stream = co_await vow::TcpStream::connect(server);
  co_await stream.write(absl::StrCat("GET ", path, " HTTP/1.0\r\n\r\n"));
  const std::string reply = co_await stream.read_all();
  const std::size_t body = reply.find("\r\n\r\n");
  Page page;
  if (body == std::string::npos || !absl::SimpleAtoi(reply.substr(reply.find(' ') + 1, 3), &page.code)) {
    co_return absl::DataLossError("no HTTP: " + path);
  }
  page.body = reply.substr(body + 4);
  if (page.code == 503) co_return absl::UnavailableError(page.body);  // May be another time.
  co_return page;
}

// How far it is: on the terminal only, in a line of its own, which the results overwrite.
class Progress {
 public:
  explicit Progress(std::size_t total) : total_(total) {}
  void one_more() {
    ++done_;
    if (is_shown_) std::cerr << "\r" << done_ << " of " << total_ << (done_ == total_ ? "\r\033[K" : "");
  }

 private:
  const bool is_shown_ = isatty(2);
  const std::size_t total_;
  std::size_t done_ = 0;
};

vow::Promise<> fetch_all(std::vector<std::string> paths) {
  const vow::SocketAddress server = co_await vow::SocketAddress::parse(absl::GetFlag(FLAGS_from));
  vow::RetryPolicy policy;
  policy.attempts = absl::GetFlag(FLAGS_attempts);
  policy.codes = {absl::StatusCode::kUnavailable};
  Progress progress(paths.size());
  auto fetch = [&](const std::string& path) {
    auto attempt = [&server, path] { return vow::with_timeout(get(server, path), absl::GetFlag(FLAGS_timeout)); };
    // `settled`: a page that cannot be had is no reason to give up the others.
    return vow::retry(policy, attempt).finally([&progress] { progress.one_more(); }).settled();
  };
  vow::MapOptions limit;
  limit.concurrency = absl::GetFlag(FLAGS_at_once);
  const auto pages = co_await vow::map(paths, fetch, limit);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::string result = pages[i].ok() ? absl::StrFormat("%d  %s", pages[i]->code, pages[i]->body)
                                             : absl::StatusCodeToString(pages[i].status().code());
    std::cout << absl::StrFormat("%-25s%s\n", result.substr(0, result.find('\n')), paths[i]);
  }
}

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("fetch [--from=ADDRESS:PORT] PATH ...");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  const std::vector<std::string> paths(arguments.begin() + 1, arguments.end());
  const absl::Status status = vow::run([&] { return fetch_all(paths); });
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
