// retry: calls something that may fail until it succeeds, with growing pauses.
//
//   retry({.attempts = 5, .first_delay = absl::Milliseconds(50)}, [] { return connect(address); }).then(use);

#ifndef VOW_PROMISE_RETRY_H_
#define VOW_PROMISE_RETRY_H_

#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "loop/source_location.h"
#include "promise/internal/result_of.h"
#include "promise/internal/state.h"
#include "promise/promise.h"
#include "promise/sleep.h"

namespace vow {

// A set of codes: {absl::StatusCode::kAborted, absl::StatusCode::kUnavailable}. Not a vector, so that a policy has no
// destructor: g++ 12 calls that of a temporary aggregate in a co_await twice.
class StatusCodes {
 public:
  template <std::same_as<absl::StatusCode>... Codes>
  constexpr StatusCodes(Codes... codes) : bits_((0u | ... | bit(codes))) {}  // NOLINT: implicit

  constexpr bool contains(absl::StatusCode code) const { return (bits_ & bit(code)) != 0; }

 private:
  // absl::Status gives kUnknown for whatever is not one of the 17 codes.
  static constexpr std::uint32_t bit(absl::StatusCode code) { return std::uint32_t{1} << static_cast<int>(code); }
  std::uint32_t bits_;
};

struct RetryPolicy {
  int attempts = 3;  // In all, the first included. At least one is made.
  absl::Duration first_delay = absl::Milliseconds(100);
  double growth = 2;                                 // Each pause is longer than the one before by this factor ...
  absl::Duration longest_delay = absl::Seconds(30);  // ... up to this.
  double jitter = 0.5;  // And then shorter by a random part of itself, between none and this: who failed together shall
                        // not come back together.
  // The errors that may pass by themselves. Any other ends it at once.
  StatusCodes codes = {absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded,
                       absl::StatusCode::kResourceExhausted, absl::StatusCode::kAborted};

  static constexpr int kForever = std::numeric_limits<int>::max();
};

namespace promise_internal {

class RetrySchedule {
 public:
  explicit RetrySchedule(const RetryPolicy& policy) : policy_(policy), delay_(policy_.first_delay) {}

  // Counts a failed attempt. Whether there is to be another one.
  bool may_retry(const absl::Status& error);
  absl::Duration next_delay();

 private:
  RetryPolicy policy_;
  absl::Duration delay_;
  int made_ = 0;
};

inline constexpr char kRetriesItself[] = "chaining cycle: retry(policy, f): f returned what waits for the retry itself";

template <class F>
struct Retry : std::enable_shared_from_this<Retry<F>> {
  using T = ThenValue<F&, void>;

  // However many attempts are made, the promises of those before do not stay: what these callbacks capture is slight.
  Promise<T> attempt() {
    const auto alive = this->shared_from_this();  // Even if f cancels it all; and a coroutine that it starts may go on.
    auto handle = [this](absl::Status error) -> Promise<T> {
      if (!schedule.may_retry(error)) return error;
      return sleep(schedule.next_delay(), where).then([this] { return attempt(); }, where);
    };
    Promise<T> promise = vow::attempt([alive] { return alive->f(); }, where);
    // What f returned must not wait for the end of it all: `handle` would be called when this is gone.
    if (Access::look(promise)->waits_for(end)) promise = absl::InvalidArgumentError(kRetriesItself);
    return std::move(promise).catch_(handle, where);
  }

  template <class F1>
  Retry(const RetryPolicy& policy, F1&& f1, SourceLocation place)
      : schedule(policy), f(std::forward<F1>(f1)), where(place) {}

  RetrySchedule schedule;
  F f;
  SourceLocation where;
  const State* end = nullptr;  // Of the promise that retry gives.
};

}  // namespace promise_internal

// Calls f, without arguments, now, and again after a pause when what it returned was rejected with one of the policy's
// codes. The first success, or the last error, as it is. To cancel the promise cancels the attempt that is under way,
// or the pause.
template <class F>
Promise<promise_internal::ThenValue<std::decay_t<F>&, void>> retry(const RetryPolicy& policy, F&& f,
                                                                   SourceLocation where = SourceLocation::current()) {
  using Retry = promise_internal::Retry<std::decay_t<F>>;
  if constexpr (promise_internal::kTakes<std::decay_t<F>&, void>) {
    auto retry = std::make_shared<Retry>(policy, std::forward<F>(f), where);
    Deferred<typename Retry::T> attempts(where);
    Promise<typename Retry::T> promise = attempts.promise().finally([retry] {}, where);
    retry->end = promise_internal::Access::look(promise);
    attempts.resolve(retry->attempt());
    return promise;
  } else {
    static_assert(promise_internal::kNever<F>, "retry(policy, f): f must be callable without arguments");
    __builtin_unreachable();
  }
}

}  // namespace vow

#endif  // VOW_PROMISE_RETRY_H_
