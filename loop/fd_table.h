// Who waits for which file descriptor, and what the poller has been told of it.
//
// What the kernel reports is turned into queued jobs at once, before anything of the user's runs. So a watch that is
// taken out by another one's callback is taken out of that queue, too, and an event cannot reach somebody who has come
// to the descriptor after it. What the kernel cannot know is that a descriptor has been closed while another one of the
// same file (by dup, by fork) keeps its registration alive: it then reports for ever what nobody can take back. Each
// registration has a number; an event with one that is not valid any more has the poller begin anew.

#ifndef VOW_LOOP_FD_TABLE_H_
#define VOW_LOOP_FD_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "loop/fd_watch.h"
#include "loop/job.h"
#include "loop/poller.h"

namespace vow::loop_internal {

class FdTable {
 public:
  using Kind = FdWatch::Kind;

  // Counts its watches in `watches`, and those that a loop waits for, also in `holds`.
  FdTable(Poller& poller, int& watches, int& holds) : poller_(poller), watches_(watches), holds_(holds) {}
  FdTable(const FdTable&) = delete;
  FdTable& operator=(const FdTable&) = delete;

  // On an error everything is as it was before. `call` is for its message.
  absl::Status add(FdWatch& watch, int fd, std::uint8_t interest, const char* call);
  void remove(FdWatch& watch);

  // The callback of that kind; null if there is none.
  FdWatch* find(int fd, Kind kind) const;

  // Has the watches that wait for them run.
  void deliver(std::span<const FdEvent> events);

  // Those whose turn has come.
  FdWatch* pop_ready();

  // Tells the poller, which forgets everything, everything again.
  void begin_anew();

  // Takes some watch out; null if there is none.
  FdWatch* take_any();

 private:
  struct Entry {
    FdWatch* first = nullptr;
    std::uint32_t registration = 0;  // The number of the latest.
    std::uint8_t told = 0;           // The interest that the poller knows.
  };

  Entry* entry_of(int fd) { return static_cast<std::size_t>(fd) < entries_.size() ? &entries_[fd] : nullptr; }
  static std::uint8_t interest_in(const Entry& entry);
  // The kernel's errno, or 0.
  int tell(int fd, Entry& entry, std::uint8_t interest);
  int tell_anew(int fd, Entry& entry, std::uint8_t interest);
  void unlink(Entry& entry, FdWatch& watch);
  void count(const FdWatch& watch, int change);
  void queue(FdWatch& watch, std::uint8_t ready);

  Poller& poller_;
  int& watches_;
  int& holds_;
  std::vector<Entry> entries_;  // By descriptor.
  JobQueue ready_;              // Watches, all of them.
  std::size_t taken_ = 0;       // Below, take_any has found none.
};

}  // namespace vow::loop_internal

#endif  // VOW_LOOP_FD_TABLE_H_
