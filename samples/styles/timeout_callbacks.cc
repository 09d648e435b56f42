// A limit in time, with callbacks: ten pieces come, one each second, and after three and a half there is no more patience. What is late is
// not only left alone, but stopped.
//
// Prints, a line each second, and the last one half a second later:
//   piece 1
//   piece 2
//   piece 3
//   too late, with 3 pieces

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "loop/event_loop.h"
#include "samples/sample.h"

using sample::print;

// What must stay until all is over: whoever wants to stop it needs the handle of the timer that is to be next.
class Download {
 public:
  explicit Download(std::function<void(absl::Status)> done) : done_(std::move(done)) {}

  void start() {
    limit_ = loop_.call_later(absl::Milliseconds(3500), [this] { finish(absl::DeadlineExceededError("too late")); });
    next_piece();
  }
  int pieces() const { return pieces_; }

 private:
  void next_piece() {
    piece_ = loop_.call_later(absl::Seconds(1), [this] {
      print("piece", ++pieces_);
      if (pieces_ == 10) return finish(absl::OkStatus());
      next_piece();
    });
  }
  // Twice, without these cancels: one timer would find the work done by the other.
  void finish(absl::Status status) {
    limit_.cancel();
    piece_.cancel();
    done_(status);
  }

  vow::EventLoop& loop_ = vow::EventLoop::current();
  std::function<void(absl::Status)> done_;
  vow::Handle limit_, piece_;
  int pieces_ = 0;
};

int main(int argc, char** argv) {
  vow::EventLoop loop(sample::options(argc, argv));
  Download download([&](absl::Status status) {
    if (absl::IsDeadlineExceeded(status)) print("too late, with", download.pieces(), "pieces");
  });
  download.start();
  return sample::exit_code(loop.run());
}
