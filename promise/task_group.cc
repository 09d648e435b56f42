// This file's external interface is TaskGroupState's public functions: tasks are watched, joined, cancelled, left.

#include "promise/task_group.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "loop/event_loop.h"
#include "loop/fatal.h"
#include "promise/internal/await.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"

namespace vow::promise_internal {

// The reaction of a task's promise. It stands in one of the group's two lists until it has run.
class TaskGroupState::Task final : public Job, public Pooled<Task> {
 public:
  Task(TaskGroupState& group, State& source) : group_(group), source_(&source) { source.add_reference(); }
  ~Task() { source_->remove_reference(); }

  void wait() { source_->attach(*this); }
  void stop_waiting() { source_->detach(*this); }
  State& source() const { return *source_; }

  void enter(Task*& list) {
    next_ = list;
    link_ = &list;
    if (next_ != nullptr) next_->link_ = &next_;
    list = this;
  }
  void leave_list() {
    *link_ = next_;
    if (next_ != nullptr) next_->link_ = link_;
  }

 private:
  void run() noexcept override { group_.settled(*this); }
  void drop() noexcept override { group_.dropped(*this); }

  TaskGroupState& group_;
  State* const source_;  // Owned, in the sense of a reference.
  Task* next_ = nullptr;
  Task** link_ = nullptr;  // What points to this in its list.
};

// Cancels the tasks in a microtask: a `join` that is cancelled cannot do it on the spot.
class TaskGroupState::CancelLater final : public Job, public Pooled<CancelLater> {
 public:
  explicit CancelLater(TaskGroupState& group) : group_(group) { group.add_reference(); }
  ~CancelLater() { group_.remove_reference(); }

  absl::Status reason;

 private:
  void run() noexcept override {
    group_.cancel(reason, group_.where_);
    delete this;
  }
  void drop() noexcept override { delete this; }

  TaskGroupState& group_;
};

// The promise of a `join`. As a job, it stands in the group's queue.
class TaskGroupState::Join final : public TypedState<void>, public Pooled<Join> {
 public:
  Join(TaskGroupState& group, SourceLocation where)
      : TypedState(where), group_(group), cancel_(new CancelLater(group)) {}
  ~Join() { delete cancel_; }
  using TypedState::reject_closed;

 private:
  void run() noexcept override {}
  void stop(Withdrawal& withdrawal) noexcept override {
    group_.joins_.remove(*this);
    be_cancelled(withdrawal.reason());
    if (group_.joins_.empty()) {
      cancel_->reason = withdrawal.reason();
      withdrawal.tell(*std::exchange(cancel_, nullptr));
    }
    remove_reference();
  }
  void destroy() noexcept override { delete this; }

  TaskGroupState& group_;
  CancelLater* cancel_;  // Made in time: to cancel takes no memory.
};

TaskGroupState::TaskGroupState(SourceLocation where) : loop_id_(EventLoop::current_id()), where_(where) {
  if (loop_id_ == 0) fatal("a TaskGroup is made on a thread that has no event loop", where);
}

void TaskGroupState::check_usable(const char* call, SourceLocation where) const {
  if (loop_id_ != EventLoop::current_id()) [[unlikely]]
    misused(call, "a TaskGroup", loop_id_, where);
}

absl::Status TaskGroupState::ended() const {
  const char* const why = phase_ == Phase::kFailed      ? "a task of it has failed"
                          : phase_ == Phase::kCancelled ? "it was cancelled"
                                                        : "it has been joined";
  return absl::FailedPreconditionError(
      absl::StrCat("spawn() on the TaskGroup made at ", to_string(where_), ", which has ended: ", why));
}

void TaskGroupState::watch(State& source) {
  auto* task = new Task(*this, source);
  task->enter(running_);
  task->wait();
}

void TaskGroupState::settled(Task& task) {
  const Reference kept(this);
  task.leave_list();
  absl::Status error = task.source().is_rejected() ? task.source().error() : absl::OkStatus();
  delete &task;
  if (!error.ok() && error.code() != absl::StatusCode::kCancelled) {
    if (phase_ == Phase::kOpen) {
      phase_ = Phase::kFailed;
      is_error_heard_ = false;
      error_ = std::move(error);
      stop_tasks(not_needed("another task of the group has failed"), where_);
    } else {
      report_lost(std::move(error), where_);
    }
  }
  settle_joins();
}

void TaskGroupState::dropped(Task& task) {
  const Reference kept(this);
  task.leave_list();
  delete &task;
  end_joins(absl::OkStatus());
}

// To cancel one may run anything, by the destructors of what its callbacks hold, even the group's own.
void TaskGroupState::stop_tasks(const absl::Status& reason, SourceLocation where) {
  while (Task* task = running_) {
    task->leave_list();
    task->enter(stopping_);
    task->source().cancel(reason, where);
  }
}

void TaskGroupState::cancel(const absl::Status& reason, SourceLocation where) {
  if (phase_ != Phase::kOpen) return;
  const Reference kept(this);
  phase_ = Phase::kCancelled;
  stop_tasks(reason, where);
}

Promise<> TaskGroupState::join(SourceLocation where) {
  auto* join = new Join(*this, where);
  join->add_reference();
  joins_.push(*join);
  settle_joins();
  return Access::make<void>(join);
}

void TaskGroupState::settle_joins() {
  if (running_ != nullptr || stopping_ != nullptr || has_lingering() || joins_.empty()) return;
  if (phase_ == Phase::kOpen) phase_ = Phase::kJoined;
  is_error_heard_ = true;
  end_joins(error_);
}

// If the loop has ended, that is the outcome, whatever became of the tasks.
void TaskGroupState::end_joins(const absl::Status& outcome) {
  const bool has_loop_ended = EventLoop::has_ended(loop_id_);
  while (Job* job = joins_.pop()) {
    auto& join = static_cast<Join&>(*job);
    if (has_loop_ended) {
      join.reject_closed();
    } else if (outcome.ok()) {
      join.fulfill();
    } else {
      join.reject(outcome);
    }
    join.remove_reference();
  }
}

void TaskGroupState::last_lingering_left() noexcept { settle_joins(); }

void TaskGroupState::leave() {
  const bool is_open = loop_id_ == EventLoop::current_id();
  if (!is_open && EventLoop::is_open(loop_id_)) check_usable("~TaskGroup", where_);
  if (phase_ == Phase::kOpen) phase_ = Phase::kCancelled;
  const absl::Status reason = not_needed("the task group was left");
  for (Task* task = running_; task != nullptr || stopping_ != nullptr; task = running_) {
    if (task == nullptr) task = stopping_;
    task->leave_list();
    task->stop_waiting();
    State& source = task->source();
    if (is_open && source.is_pending()) {
      Withdrawal withdrawal(source, reason, Withdrawal::Mode::kFinal);
      withdrawal.stop();
    }
    delete task;
  }
  end_lingering();
  end_joins(reason);
  if (!is_error_heard_) report_lost(std::move(error_), where_);
}

}  // namespace vow::promise_internal
