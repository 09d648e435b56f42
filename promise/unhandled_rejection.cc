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
        // Without payloads, which need not be text.
        std::fprintf(stderr, "vow: %s: %s: %s, of the promise made at %s\n", what,
                     absl::StatusCodeToString(error.code()).c_str(), std::string(error.message()).c_str(),
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

// This thread's rejections that nobody has handled yet.
class State::Unhandled final : public Job {
 public:
  static Unhandled& of_this_thread() {
    static thread_local Unhandled unhandled;
    return unhandled;
  }

  void add(EventLoop& loop, State& state) {
    state.add_reference();
    state.watched_ = true;
    states_.push(state);
    if (!std::exchange(is_queued_, true)) loop.queue_microtask(*this);
  }

  void hold() { is_held_ = true; }
  void release() {
    is_held_ = false;
    report_all();
  }

  void remove(State& state) {
    states_.remove(state);
    state.watched_ = false;
    state.remove_reference();
  }

 private:
  // Behind all other microtasks: as long as there are any, somebody may still attach.
  void run() noexcept override {
    if (EventLoop& loop = *EventLoop::current_or_null(); loop.has_microtasks()) return loop.queue_microtask(*this);
    drop();
  }
  void drop() noexcept override {
    is_queued_ = false;
    if (!is_held_) report_all();
  }

  void report_all() {
    states_.push(end_);  // What the handler rejects comes behind it, and has its turn later.
    for (Job* job = states_.pop(); job != &end_; job = states_.pop()) {
      auto& state = static_cast<State&>(*job);
      state.watched_ = false;
      report(state.error(), state.where());
      state.remove_reference();
    }
  }

  class End final : public Job {
    void run() noexcept override {}
    void drop() noexcept override {}
  };

  End end_;
  JobQueue states_;
  bool is_queued_ = false;
  bool is_held_ = false;
};

void hold_unhandled_rejections() { State::Unhandled::of_this_thread().hold(); }
void report_unhandled_rejections() { State::Unhandled::of_this_thread().release(); }

void State::watch_rejection() {
  EventLoop* loop = EventLoop::current_or_null();
  if (loop == nullptr || loop->is_closed() || error().code() == absl::StatusCode::kCancelled) return;
  Unhandled::of_this_thread().add(*loop, *this);
}

void State::forget_rejection() { Unhandled::of_this_thread().remove(*this); }

}  // namespace promise_internal
}  // namespace vow
