#include "promise/run.h"

#include <signal.h>

#include "absl/strings/str_cat.h"
#include "loop/job.h"

namespace vow::promise_internal {
namespace {

// Stops the loop's next run when its turn comes; but not a run within that one.
class StopLoop final : public Job {
 public:
  explicit StopLoop(EventLoop& loop) : loop_(loop), depth_(loop.run_depth() + 1) {}
  bool has_run() const { return has_run_; }

  void run() noexcept override {
    has_run_ = true;
    loop_.stop_run(depth_);
  }
  void drop() noexcept override {}

 private:
  EventLoop& loop_;
  const int depth_;
  bool has_run_ = false;
};

}  // namespace

absl::Status run_until_settled(EventLoop& loop, State& state, SourceLocation where) {
  StopLoop stop_loop(loop);
  if (absl::Status runnable = loop.check_runnable("run_until_complete", where); !runnable.ok()) return runnable;
  state.attach(stop_loop);
  static_cast<void>(loop.run(where));
  if (stop_loop.has_run()) return absl::OkStatus();
  state.detach(stop_loop);
  return absl::AbortedError(absl::StrCat(
      loop.is_stalled() ? "nothing is left that could settle" : "the event loop was stopped before it had settled:",
      " the promise made at ", to_string(state.where())));
}

void Interrupt::wait_for_signal(EventLoop& loop) {
  struct sigaction before = {};
  if (sigaction(SIGINT, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) return;
  loop.watch(*this, SIGINT, "run").IgnoreError();
}

void Interrupt::run() noexcept {
  EventLoop::current_or_null()->unwatch(*this);  // The next one is to end the program.
  if (main_ != nullptr) was_interrupted_ = main_->cancel(absl::CancelledError("interrupted (SIGINT)"), main_->where());
}

std::shared_ptr<Interrupt::Token> Interrupt::token() {
  auto token = std::make_shared<Token>();
  token_ = token;
  return token;
}

void Interrupt::finish(EventLoop& loop) {
  main_ = nullptr;
  if (!was_interrupted_) return;
  if (const auto token = token_.lock()) token->loop_to_stop = &loop;
  if (!token_.expired()) loop.run().IgnoreError();
  if (const auto token = token_.lock()) token->loop_to_stop = nullptr;
}

absl::Status already_has_loop() {
  return absl::FailedPreconditionError("vow::run() makes an event loop, and this thread has one already");
}

}  // namespace vow::promise_internal
