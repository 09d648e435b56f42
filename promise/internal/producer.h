// The side of a state that only its Deferred sees. Internal: users see it as Deferred.

#ifndef VOW_PROMISE_INTERNAL_PRODUCER_H_
#define VOW_PROMISE_INTERNAL_PRODUCER_H_

#include <utility>

#include "absl/status/status.h"
#include "loop/block_pool.h"
#include "loop/job.h"
#include "loop/source_location.h"
#include "promise/internal/result_of.h"
#include "promise/internal/state.h"

namespace vow::promise_internal {

// A job that waits for a cancel, for Deferred::on_cancel: it takes the reason with it.
class CancelHook : public Job {
 public:
  absl::Status reason;

 protected:
  ~CancelHook() = default;
};

// What a Deferred, and nobody else, does with its state.
class State::Producer {
 public:
  explicit Producer(State& state) : state_(state) {}

  // The Deferred is gone: rejects, if nothing has been decided.
  void gone() {
    if (!state_.is_pending()) return;
    if (state_.is_following()) {
      state_.has_deferred_ = false;
    } else {
      broken_promise();
    }
  }
  // While the state follows what the Deferred was resolved with, both have a reference to it.
  void resolved_with_promise() { state_.has_deferred_ = true; }
  // The producer threw while it was being started: that counts for more than the promise that it broke by it.
  void threw();
  // Whether anybody but the producer can see the promise.
  bool is_awaited() const { return state_.is_pending() && !state_.is_unwanted(); }

  void set_hook(CancelHook& hook);
  // To be dropped when the state is resolved.
  CancelHook* take_hook() {
    if (!state_.has_hook_) [[likely]]
      return nullptr;
    state_.has_hook_ = false;
    return state_.slot_.hook;
  }
  static void drop_hook(CancelHook* hook);  // Or null.
  // Rejects, and has the hook run, if there is one.
  void stop(Withdrawal& withdrawal);

 private:
  void broken_promise();

  State& state_;
};

// For Deferred::on_cancel.
template <class F>
class CancelCall final : public CancelHook, public Pooled<CancelCall<F>> {
 public:
  template <class F1>
  explicit CancelCall(F1&& f) : f_(std::forward<F1>(f)) {}

 private:
  void run() noexcept override {
    if constexpr (kTakes<F, absl::Status>) {
      std::move(f_)(std::move(reason));
    } else {
      std::move(f_)();
    }
    delete this;
  }
  void drop() noexcept override { delete this; }

  F f_;
};

// A hook that will not be needed: dropped at the end of the scope, for its captures may destroy the Deferred.
class OwnedHook {
 public:
  explicit OwnedHook(CancelHook* hook) : hook_(hook) {}
  OwnedHook(const OwnedHook&) = delete;
  OwnedHook& operator=(const OwnedHook&) = delete;
  ~OwnedHook() {
    if (hook_ != nullptr) [[unlikely]]
      State::Producer::drop_hook(hook_);
  }

 private:
  CancelHook* hook_;
};

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_PRODUCER_H_
