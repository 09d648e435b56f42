// What is behind a Stream. Internal: the header to read is promise/stream.h.
//
// The descriptor is watched edge by edge, once for its life: `readable_` and `writable_` say whether a system call is
// worth a try. They are lost by EAGAIN; on sockets and pipes also by a call that got less than it had asked for, because
// then there is no more, and what comes later makes an edge of its own. (But not after an end was reported, which comes
// only once.) So a peer that sends and waits costs one read, one write and a share of one epoll_wait a round.

#ifndef VOW_PROMISE_INTERNAL_STREAM_STATE_H_
#define VOW_PROMISE_INTERNAL_STREAM_STATE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "loop/event_loop.h"
#include "loop/fd_watch.h"
#include "loop/timer.h"
#include "promise/internal/wait_queue.h"
#include "promise/promise.h"

namespace vow::promise_internal {

class StreamState;

// A read that is under way.
class Reading {
 public:
  // Takes what there is. Whether that was enough, or an error: then it has settled.
  virtual bool advance() = 0;
  // Settles it otherwise.
  virtual void fail(absl::Status error) = 0;
  virtual void close_loop() = 0;
  // Gives up the stream's reference.
  virtual void release() = 0;

 protected:
  ~Reading() = default;
};

class StreamState final : private FdWatch {
 public:
  enum class Owner { kStream, kCaller };

  StreamState(int fd, Owner owner, std::string name, SourceLocation where);
  StreamState(const StreamState&) = delete;
  StreamState& operator=(const StreamState&) = delete;
  ~StreamState();

  absl::Status open();

  void check_usable(const char* call, SourceLocation where) const;

  // Has it settle, now or later; for later, `keep` adds the stream's reference.
  template <class KeepForStream>
  void start(Reading& reading, KeepForStream&& keep);
  Promise<> write(std::string bytes, SourceLocation where);
  Promise<> shutdown(SourceLocation where);

  int fd() const { return descriptor_; }

  // For a Reading. What has been read from the kernel and not been asked for yet.
  std::string_view input() const { return std::string_view(input_).substr(input_start_); }
  std::string take_input(std::size_t bytes);
  // One system call: kData was appended to the input. (Or put into `memory`, if there is no input: so many bytes.)
  enum class Came { kData, kNothing, kEnd, kError };
  Came fill();
  Came receive(absl::Span<char> memory, std::size_t& bytes);
  const absl::Status& read_error() const { return read_error_; }
  void forget_reading();

 private:
  class Write;
  class Again final : public Timer {
   public:
    explicit Again(StreamState& stream) : stream_(stream) {}

   private:
    void run() noexcept override;
    void drop() noexcept override;
    StreamState& stream_;
  };

  void run() noexcept override;
  void drop() noexcept override;
  void go_on();
  void lose_loop();
  void update_hold();
  bool spend();
  // After EAGAIN, whether it was untrue: a call may fail though the descriptor is ready, and then there is no edge to come.
  // In a later turn, then.
  bool is_worth_another_try(short events);
  Reading* finish_reading();
  std::size_t put(std::string_view bytes);
  void advance_writes();
  void fail_writes(const absl::Status& error);
  void write_left(std::size_t sent, std::size_t all);
  bool shut_down_now();
  absl::Status error(const char* call, int number) const;
  void close_descriptor();

  int descriptor_;
  const Owner owner_;
  std::string name_;
  const SourceLocation where_;
  const std::uint16_t loop_id_ = EventLoop::current_id();
  bool is_socket_ = false;
  bool tells_when_empty_ = false;  // Whether to get less than asked for means that there is no more: sockets, pipes.
  bool may_block_ = false;         // Its mode is not ours to set: ask before each call.
  bool readable_ = true;
  bool writable_ = true;
  bool ended_ = false;
  bool is_shut_down_ = false;
  int budget_;  // Of operations that may succeed at once.
  Again again_{*this};
  bool is_waiting_for_turn_ = false;
  bool holds_ = false;  // Keeps the loop waiting.

  std::string input_;
  std::size_t input_start_ = 0;
  Reading* reading_ = nullptr;
  absl::Status read_error_;

  WaitQueue<void> writes_;
  absl::Status write_error_;
};

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_STREAM_STATE_H_
