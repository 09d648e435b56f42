// TaskGroup: several tasks that end together. asyncio's TaskGroup, Trio's nursery.
//
//   TaskGroup group;
//   for (const std::string& url : urls) group.spawn(fetch, url);
//   co_await group.join();   // Until all have ended; the first failure cancels the others, and is the outcome.
//
// A group is a scope: when it is destroyed, what still runs of it is cancelled, and nothing of it runs afterwards, neither
// a task, nor anything that a task waits for and nobody else. So tasks may use what was declared before the group.
//
// A task that fails cancels the others. One that is cancelled by itself does not, nor is it a failure of the group.

#ifndef VOW_PROMISE_TASK_GROUP_H_
#define VOW_PROMISE_TASK_GROUP_H_

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "loop/block_pool.h"
#include "loop/job.h"
#include "loop/source_location.h"
#include "promise/create_task.h"
#include "promise/internal/scope.h"
#include "promise/internal/state.h"
#include "promise/promise.h"

namespace vow {

namespace promise_internal {

// A group's insides. Kept by references: the group's, and one for each coroutine of the scope.
class TaskGroupState final : public Scope, public Pooled<TaskGroupState> {
 public:
  explicit TaskGroupState(SourceLocation where);

  // Ends the program if the call comes from another thread, or if the loop is closed.
  void check_usable(const char* call, SourceLocation where) const;
  bool is_open() const { return phase_ == Phase::kOpen; }
  // Why nothing can be spawned any more.
  absl::Status ended() const;

  void watch(State& task);
  Promise<> join(SourceLocation where);
  void cancel(const absl::Status& reason, SourceLocation where);
  void leave();

 private:
  enum class Phase : std::uint8_t { kOpen, kCancelled, kFailed, kJoined };
  class Task;
  class TaskList;
  class Join;
  class CancelLater;

  void settled(Task& task);
  void dropped(Task& task);
  void stop_tasks(const absl::Status& reason, SourceLocation where);
  void settle_joins();
  void end_joins(const absl::Status& outcome);
  void last_lingering_left() noexcept override;
  void destroy() noexcept override { delete this; }

  std::uint16_t loop_id_;
  Phase phase_ = Phase::kOpen;
  bool is_error_heard_ = true;
  Task* running_ = nullptr;   // A list of those that are to go on.
  Task* stopping_ = nullptr;  // And one of those that were cancelled, and of which nobody has heard yet.
  JobQueue joins_;
  absl::Status error_;  // Of the first that failed.
  SourceLocation where_;
};

}  // namespace promise_internal

// Belongs to the loop's thread. Neither copied nor moved: it is a scope.
class TaskGroup {
 public:
  explicit TaskGroup(SourceLocation where = SourceLocation::current())
      : state_(new promise_internal::TaskGroupState(where)) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  // Cancels what still runs, in such a way that nothing of it runs any more when this returns: a coroutine that would
  // clean up after a cancel (by awaiting `settled()`) ends where it is, too. A task that itself destroys its group ends at
  // its next co_await. A failure that nobody has heard of by `join` is reported as an unhandled rejection.
  ~TaskGroup() {
    state_->leave();
    state_->remove_reference();
  }

  // A task of the group: see create_task. Once the group has failed, was cancelled, or has been joined, f is not called,
  // and the promise is rejected, FailedPrecondition.
  template <class F, class A = promise_internal::NoArgument, class B = promise_internal::NoArgument,
            class C = promise_internal::NoArgument, class D = promise_internal::NoArgument>
  Promise<promise_internal::TaskValue<F, A, B, C, D>> spawn(F&& f, A&& a = {}, B&& b = {}, C&& c = {}, D&& d = {},
                                                            SourceLocation where = SourceLocation::current()) {
    state_->check_usable("spawn", where);
    if (!state_->is_open()) return reject<promise_internal::TaskValue<F, A, B, C, D>>(state_->ended(), where);
    const promise_internal::Scope::Entered entered(state_);
    auto task = create_task(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b), std::forward<C>(c),
                            std::forward<D>(d), where);
    promise_internal::guarded([&] { state_->watch(*promise_internal::Access::look(task)); },
                              [&] {
                                task.cancel();  // There was no memory to watch it.
                                promise_internal::rethrow();
                              });
    return task;
  }

  // Fulfilled when all tasks have ended, those included that are spawned meanwhile, and when those that were cancelled
  // have cleaned up. Rejected then with the error of the first that failed; other errors than this and the cancellations
  // that it caused are reported as unhandled rejections. To cancel it cancels the tasks.
  Promise<> join(SourceLocation where = SourceLocation::current()) {
    state_->check_usable("join", where);
    return state_->join(where);
  }

  // Cancels all tasks. That is no failure: `join` is fulfilled when they have ended. Again, or when all have ended:
  // nothing.
  void cancel(absl::string_view reason = "cancelled", SourceLocation where = SourceLocation::current()) {
    state_->check_usable("cancel", where);
    state_->cancel(absl::CancelledError(reason), where);
  }

 private:
  promise_internal::TaskGroupState* const state_;  // Owned, in the sense of a reference.
};

}  // namespace vow

#endif  // VOW_PROMISE_TASK_GROUP_H_
