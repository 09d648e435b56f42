// From the kernel's signals to a loop's jobs.
//
// The handler that the kernel calls, on whatever thread, counts the signal and writes to an eventfd of the loop that
// handles it; nothing else is allowed there. The loop finds the eventfd ready, takes the counts, and queues the watches.
// A signal belongs to one loop of the process at a time. What was set for it before is set again with its last watch.

#ifndef VOW_LOOP_SIGNALS_H_
#define VOW_LOOP_SIGNALS_H_

#include <signal.h>

#include <array>
#include <memory>

#include "absl/status/status.h"
#include "loop/fd_table.h"
#include "loop/fd_watch.h"
#include "loop/job.h"
#include "loop/signal_watch.h"

namespace vow::loop_internal {

class Signals final {
 public:
  using Kind = SignalWatch::Kind;

  // Counts in `holds` the watches that a loop waits for.
  Signals(FdTable& fds, int& holds);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  // On an error everything is as it was before.
  absl::Status add(SignalWatch& watch, int signal, const char* call);
  void remove(SignalWatch& watch);

  // The callback for the signal; null if there is none.
  SignalWatch* find_handler(int signal) const;

  // The eventfd's: the loop does not run it, but calls take_deliveries.
  const FdWatch* event_watch() const;
  bool is_open() const;

  // Queues the watches of the signals that came.
  void take_deliveries();

  // Those whose turn has come.
  SignalWatch* pop_ready();

  // Has the poller find the eventfd ready, as long as there are some.
  void leave_to_next_turn();

  // Takes some watch out; null if there is none.
  SignalWatch* take_any();

  // In a child process: lets go of the eventfd, which is its parent's.
  void abandon();

  // Around a fork. In the child process what had been set before is set again, for all signals of all loops.
  static void before_fork();
  static void after_fork(bool is_child);

 private:
  static void abandon_all();
  class EventWatch;
  absl::Status open(const char* call);
  void close_if_unused();

  FdTable& fds_;
  const std::unique_ptr<EventWatch> event_;
  int& holds_;
  int watches_ = 0;
  std::array<SignalWatch*, _NSIG> first_{};
  JobQueue ready_;  // Watches, all of them.
};

}  // namespace vow::loop_internal

#endif  // VOW_LOOP_SIGNALS_H_
