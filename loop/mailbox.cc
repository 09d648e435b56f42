#include "loop/mailbox.h"

namespace vow::loop_internal {
namespace {

// Marks: the addresses of these two letters, which are never delivered.
class Mark final : public Letter {
  void run() noexcept override {}
  void drop() noexcept override {}
};
Mark asleep_mark;
Mark closed_mark;
Letter* const kAsleep = &asleep_mark;
Letter* const kClosed = &closed_mark;

}  // namespace

bool Mailbox::post(Letter& letter) {
  Letter* latest = latest_.load(std::memory_order_relaxed);
  do {
    if (latest == kClosed) return false;
    letter.before = latest == kAsleep ? nullptr : latest;
  } while (!latest_.compare_exchange_weak(latest, &letter, std::memory_order_release, std::memory_order_relaxed));
  if (latest == kAsleep) wake();
  return true;
}

void Mailbox::wake() {
  std::lock_guard lock(poller_mutex_);
  if (poller_ != nullptr) poller_->wake();
}

JobQueue Mailbox::take() { return in_order_of_posting(latest_.exchange(nullptr, std::memory_order_acquire)); }

bool Mailbox::fall_asleep() {
  Letter* expected = nullptr;
  return latest_.compare_exchange_strong(expected, kAsleep, std::memory_order_relaxed);
}

JobQueue Mailbox::close() {
  {
    std::lock_guard lock(poller_mutex_);
    poller_ = nullptr;
  }
  return in_order_of_posting(latest_.exchange(kClosed, std::memory_order_acquire));
}

void Mailbox::remove_poster() {
  if (posters_.fetch_sub(1, std::memory_order_acq_rel) == 1) wake();
}

// Out of the stack, where the latest comes first.
JobQueue Mailbox::in_order_of_posting(Letter* latest) {
  JobQueue letters;
  if (latest == kAsleep || latest == kClosed) return letters;
  while (latest != nullptr) letters.push_front(*std::exchange(latest, latest->before));
  return letters;
}

}  // namespace vow::loop_internal
