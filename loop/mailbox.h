// Where other threads leave jobs for a loop.
//
// One atomic word holds everything: a stack of the jobs that were left since the loop last looked, or one of two marks.
//
//   nothing        the loop is awake and has taken everything
//   asleep         the same, but the loop waits in the kernel: the first post must wake it
//   a letter       the latest; each knows the one before it
//   closed         no job is taken any more
//
// So a post is one compare-and-swap, and of all the posts during one sleep only the first makes a system call.

#ifndef VOW_LOOP_MAILBOX_H_
#define VOW_LOOP_MAILBOX_H_

#include <atomic>
#include <mutex>
#include <utility>

#include "loop/call.h"
#include "loop/job.h"
#include "loop/poller.h"

namespace vow::loop_internal {

class Mailbox {
 public:
  explicit Mailbox(Poller& poller) : poller_(&poller) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // From any thread. False if the mailbox is closed: then the letter is still the caller's.
  bool post(Letter& letter);

  // From any thread: makes the loop look.
  void wake();

  // From the loop's thread, as all that follows. Whether there are no letters to take, and the loop is not marked as
  // asleep.
  bool is_empty() const { return latest_.load(std::memory_order_relaxed) == nullptr; }

  // Takes the letters out, in the order of posting, and ends the sleep.
  JobQueue take();

  // Before the loop sleeps. False if a letter is there: then it must not. To be followed by `take`.
  bool fall_asleep();

  // From here on no letter is accepted, and the poller is not used. Gives the letters that are left.
  JobQueue close();

  // Counts those who may still post, for a loop that asks itself whether anything can wake it.
  void add_poster() { posters_.fetch_add(1, std::memory_order_relaxed); }
  void remove_poster();
  bool has_posters() const { return posters_.load(std::memory_order_acquire) != 0; }

 private:
  static JobQueue in_order_of_posting(Letter* latest);

  std::atomic<Letter*> latest_ = nullptr;
  std::atomic<int> posters_ = 0;
  std::mutex poller_mutex_;
  Poller* poller_;  // Null when closed.
};

}  // namespace vow::loop_internal

#endif  // VOW_LOOP_MAILBOX_H_
