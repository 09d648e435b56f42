#include "promise/retry.h"

#include <algorithm>
#include <random>

namespace vow::promise_internal {

bool RetrySchedule::may_retry(const absl::Status& error) {
  if (made_ < RetryPolicy::kForever) ++made_;
  if (policy_.attempts != RetryPolicy::kForever && made_ >= policy_.attempts) return false;
  return policy_.codes.contains(error.code());
}

absl::Duration RetrySchedule::next_delay() {
  static thread_local std::minstd_rand random(std::random_device{}());
  const absl::Duration delay = std::min(delay_, policy_.longest_delay);
  delay_ = delay * policy_.growth;
  const double jitter = std::clamp(policy_.jitter, 0.0, 1.0);
  return jitter == 0 ? delay : delay * (1 - std::uniform_real_distribution(0.0, jitter)(random));
}

}  // namespace vow::promise_internal
