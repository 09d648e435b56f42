// Somebody who waits for a file descriptor to become ready. For those who bring their own memory, as loop/job.h; for
// callbacks there is EventLoop::add_reader.
//
//   class Drain final : public vow::FdWatch {
//     void run() noexcept override { read_some(); }
//     void drop() noexcept override { delete this; }
//   };
//   absl::Status status = loop.watch(*drain, fd, vow::FdWatch::kReadable);
//
// A watch is a job that the loop runs, again and again, in each turn that finds the descriptor ready. It may be taken
// out at any time, by anybody, also between the kernel's report and its turn: then it does not run. The loop never owns
// one. Take a watch out before you close its descriptor: the kernel tells nobody of a close.

#ifndef VOW_LOOP_FD_WATCH_H_
#define VOW_LOOP_FD_WATCH_H_

#include <cstdint>

#include "loop/job.h"

namespace vow {

class FdWatch;

namespace loop_internal {

// A watch's place in the table of descriptors.
struct FdLink {
  FdWatch* next = nullptr;  // Of the same descriptor.
  int fd = -1;              // Negative when in no table.
  std::uint8_t interest = 0;
  std::uint8_t ready = 0;
  bool is_queued = false;
};

}  // namespace loop_internal

class FdWatch : public Job, public loop_internal::FdLink {
 public:
  // What to wait for, and what came. An end (of file, of a connection, by an error) makes a descriptor readable and
  // writable: whoever tries learns of it.
  static constexpr std::uint8_t kReadable = 1;
  static constexpr std::uint8_t kWritable = 2;
  // To be told only when it becomes ready anew, and of an end: for who tries first, and waits when the kernel says
  // EAGAIN. Such a watch is the only one of its descriptor, and does not keep a loop waiting: see EventLoop::hold.
  static constexpr std::uint8_t kEdge = 4;
  // Came: nothing more will; the peer has closed its side, or there is an error. Only with kEdge.
  static constexpr std::uint8_t kEnded = 8;

  // `run` is for what the kernel has reported, which stands in `ready`. `drop` is called when the loop closes, or when
  // the descriptor was closed and stands for something else by now; the watch has been taken out before.

  // kReader, kWriter: the callbacks of add_reader and add_writer, one each for a descriptor.
  enum class Kind : std::uint8_t { kOther, kReader, kWriter };
  const Kind kind;

 protected:
  ~FdWatch() = default;
  explicit FdWatch(Kind its_kind = Kind::kOther) : kind(its_kind) {}
};

}  // namespace vow

#endif  // VOW_LOOP_FD_WATCH_H_
