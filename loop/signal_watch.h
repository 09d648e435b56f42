// Somebody who waits for a signal. For those who bring their own memory, as loop/job.h; for callbacks there is
// EventLoop::add_signal_handler.
//
// A watch is a job that the loop runs once for each delivery of its signal, as an ordinary macrotask. (The kernel keeps
// a standard signal that is pending already only once; a real-time signal as often as it was sent.) It may be taken out
// at any time, also between a delivery and its turn: then it does not run. The loop never owns one.

#ifndef VOW_LOOP_SIGNAL_WATCH_H_
#define VOW_LOOP_SIGNAL_WATCH_H_

#include <cstdint>

#include "loop/job.h"

namespace vow {

class SignalWatch;

namespace loop_internal {

// A watch's place in the table of signals.
struct SignalLink {
  SignalWatch* next = nullptr;   // Of the same signal.
  int signal = 0;                // 0 when in no table.
  std::uint32_t deliveries = 0;  // That it has not run for. If not 0, it stands in the queue.
};

}  // namespace loop_internal

class SignalWatch : public Job, public loop_internal::SignalLink {
 public:
  // kHandler: of add_signal_handler. kBackground: one that a loop does not stay alive for.
  enum class Kind : std::uint8_t { kOther, kHandler, kBackground };
  const Kind kind;

 protected:
  ~SignalWatch() = default;
  explicit SignalWatch(Kind its_kind = Kind::kOther) : kind(its_kind) {}
};

}  // namespace vow

#endif  // VOW_LOOP_SIGNAL_WATCH_H_
