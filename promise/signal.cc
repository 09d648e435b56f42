#include "promise/signal.h"

#include <cstddef>
#include <deque>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "loop/signal_watch.h"
#include "promise/channel.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"

namespace vow {
namespace promise_internal {
namespace {

// The promise and its watch, in one block. It waits for no other promise, so as a job of that kind it is never queued.
class SignalWait final : public TypedState<void>, public SignalWatch, public Pooled<SignalWait> {
 public:
  explicit SignalWait(SourceLocation where) : TypedState(where) {}

  Promise<> wait(int signo) {
    if (absl::Status status = EventLoop::current(where()).watch(*this, signo, "signal"); !status.ok()) {
      reject(std::move(status));
    } else {
      add_reference();  // For the table of signals.
    }
    return Access::make<void>(this);
  }

 private:
  void run() noexcept override {
    EventLoop::current_or_null()->unwatch(*this);
    fulfill();
    remove_reference();
  }
  void drop() noexcept override {
    reject_closed();
    remove_reference();
  }
  void stop(Withdrawal& withdrawal) noexcept override {
    EventLoop::current_or_null()->unwatch(*this);
    be_cancelled(withdrawal.reason());
    remove_reference();
  }
  void destroy() noexcept override { delete this; }
};

}  // namespace

class SignalStreamState {
 public:
  explicit SignalStreamState(SourceLocation where) : deliveries_(std::numeric_limits<std::size_t>::max(), where) {}

  absl::Status open(const std::vector<int>& signals, SourceLocation where) {
    for (int signo : signals) {
      Watch& watch = watches_.emplace_back(deliveries_);
      if (absl::Status status = EventLoop::current(where).watch(watch, signo, "SignalStream"); !status.ok())
        return status;
    }
    return absl::OkStatus();
  }

  Channel<int>& deliveries() { return deliveries_; }

 private:
  class Watch final : public SignalWatch {
   public:
    explicit Watch(Channel<int>& channel) : channel_(channel) {}
    ~Watch() {
      if (SignalLink::signal != 0) EventLoop::current_or_null()->unwatch(*this);
    }

   private:
    void run() noexcept override { channel_.try_send(int{SignalLink::signal}); }
    void drop() noexcept override {}
    Channel<int>& channel_;
  };

  Channel<int> deliveries_;
  std::deque<Watch> watches_;  // Which are linked, so they stay where they are.
};

}  // namespace promise_internal

Promise<> signal(int signo, SourceLocation where) { return (new promise_internal::SignalWait(where))->wait(signo); }

absl::StatusOr<SignalStream> SignalStream::open(const std::vector<int>& signals, SourceLocation where) {
  auto state = std::make_unique<promise_internal::SignalStreamState>(where);
  if (absl::Status status = state->open(signals, where); !status.ok()) return status;
  return SignalStream(std::move(state));
}

SignalStream::SignalStream(std::unique_ptr<promise_internal::SignalStreamState> state) : state_(std::move(state)) {}
SignalStream::SignalStream(SignalStream&& other) noexcept = default;
SignalStream& SignalStream::operator=(SignalStream&& other) noexcept = default;
SignalStream::~SignalStream() = default;

Promise<std::optional<int>> SignalStream::next(SourceLocation where) { return state_->deliveries().next(where); }

}  // namespace vow
