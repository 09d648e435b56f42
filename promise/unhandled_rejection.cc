#include "promise/unhandled_rejection.h"

#include <cstdio>
#include <string>
#include <utility>

#include "loop/event_loop.h"
#include "loop/job.h"
#include "promise/internal/state.h"
#include "promise/internal/typed_state.h"

namespace vow {
namespace {

UnhandledRejectionHandler& handler() {
  static thread_local UnhandledRejectionHandler handler;
  return handler;
}

void print(const char* what, const absl::Status& error, SourceLocation where) {
  promise_internal::guarded(
      [&] {
        std::fprintf(stderr, "vow: %s: %s, of the promise made at %s\n", what, error.ToString().c_str(),
                     to_string(where).c_str());
      },
      [&] { std::fprintf(stderr, "vow: %s, and no memory to say more\n", what); });
}

void report(const absl::Status& error, SourceLocation where) {
  if (!handler()) return print("unhandled rejection", error, where);
  promise_internal::guarded(
      [&] {
        const UnhandledRejectionHandler current = handler();  // A copy, for it may replace itself.
        current(error, where);
      },
      [&] {
        print("the handler of unhandled rejections threw", promise_internal::status_of_current_exception(), where);
        print("unhandled rejection", error, where);
      });
}

}  // namespace

UnhandledRejectionHandler on_unhandled_rejection(UnhandledRejectionHandler new_handler) {
  return std::exchange(handler(), std::move(new_handler));
}

namespace promise_internal {
namespace {

// This thread's rejections that nobody has handled yet.
class Unhandled final : public Job {
 public:
  void add(EventLoop& loop, State& state) {
    if (states_.empty()) loop.queue_microtask(*this);
    state.add_reference();
    states_.push(state);
  }

 private:
  // Behind all other microtasks: as long as there are any, somebody may still attach.
  void run() noexcept override {
    if (EventLoop& loop = *EventLoop::current_or_null(); loop.has_microtasks()) return loop.queue_microtask(*this);
    drop();
  }
  void drop() noexcept override {
    JobQueue states = std::move(states_);
    while (Job* job = states.pop()) {
      auto& state = static_cast<State&>(*job);
      if (!state.is_handled()) report(state.error(), state.where());
      state.remove_reference();
    }
  }
  JobQueue states_;
};

}  // namespace

void watch_rejection(State& state) {
  EventLoop* loop = EventLoop::current_or_null();
  if (loop == nullptr || loop->is_closed() || state.error().code() == absl::StatusCode::kCancelled) return;
  static thread_local Unhandled unhandled;
  unhandled.add(*loop, state);
}

}  // namespace promise_internal
}  // namespace vow
