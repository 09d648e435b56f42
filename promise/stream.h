// Stream: bytes in and out of a file descriptor: a socket, a pipe, a terminal, a file.
//
//   Promise<> echo(Stream stream) {
//     while (true) {
//       std::string bytes = co_await stream.read_some();
//       if (bytes.empty()) co_return;                      // the peer has finished
//       co_await stream.write(std::move(bytes));
//     }
//   }
//
// promise/net.h makes streams of connections, promise/process.h of the pipes to a program; Stream::adopt and
// Stream::borrow of whatever descriptor there is.
//
// WHAT IS RUN WHEN. Each operation tries the system call at once, within the call, and waits only if there is nothing to
// be had. A stream that never runs dry does not keep the others from their turn: after some operations in a row the next
// one waits for a turn of the loop.
//
// ONE AT A TIME. A second read while one is pending is rejected, FailedPrecondition: whose would the bytes be? Writes
// queue up, and each goes out whole before the next one.
//
// BACKPRESSURE. The promise of a write is fulfilled when the kernel has taken all of its bytes. Who waits for it before
// writing more never has more than that in memory; who does not queues up as much as it writes.
//
// CANCELLING, a timeout for instance, ends the wait and leaves everything else as it was: a read that is cancelled has
// taken nothing, and a write of which nothing has gone out leaves the queue. But a write that had begun cannot be taken
// back, so it breaks the stream for those after it, which are rejected (Aborted): half a message is followed by nothing.
//
// ERRORS are the system's: absl::ErrnoToStatus, and a message that says which operation on what stream has failed. An
// error stays: the next read or write gets it again. There is no SIGPIPE.
//
// CLOSING, or destroying, the stream closes its descriptor at once. What is pending is rejected, Aborted; bytes that
// the kernel has not taken are lost, so wait for the last write. A stream belongs to the thread and the loop where it
// was made.

#ifndef VOW_PROMISE_STREAM_H_
#define VOW_PROMISE_STREAM_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "loop/source_location.h"
#include "promise/promise.h"

namespace vow {

namespace promise_internal {
class StreamState;
}

class Stream {
 public:
  Stream();  // A closed one.
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;
  ~Stream();

  // A stream of a descriptor: `adopt` makes it the stream's, which sets it to O_NONBLOCK and will close it, also on an
  // error; `borrow` leaves it the caller's, and its mode as it is, for others may have it too (the terminal behind
  // stdin, say). `name` is for error messages.
  static absl::StatusOr<Stream> adopt(int fd, std::string name = "", SourceLocation where = SourceLocation::current());
  static absl::StatusOr<Stream> borrow(int fd, std::string name = "", SourceLocation where = SourceLocation::current());

  // What there is, up to so many bytes; at least one, or none at the end.
  Promise<std::string> read_some(std::size_t most = 65536, SourceLocation where = SourceLocation::current());
  // The same, into memory that must stay until the promise has settled. How many bytes; 0 at the end.
  Promise<std::size_t> read_some(absl::Span<char> memory, SourceLocation where = SourceLocation::current());

  // Exactly so many bytes. OutOfRange if the end comes before; then what there was is left to be read.
  Promise<std::string> read_exactly(std::size_t bytes, SourceLocation where = SourceLocation::current());

  // All up to the delimiter, and with it. OutOfRange if the end comes before; ResourceExhausted if it is not among the
  // first `most` bytes. In both cases what there was is left to be read.
  Promise<std::string> read_until(std::string delimiter, std::size_t most = 1 << 20,
                                  SourceLocation where = SourceLocation::current());

  // The next line, without its end, "\n" or "\r\n"; also a last one that has none. Nothing when there are no more.
  Promise<std::optional<std::string>> read_line(std::size_t most = 1 << 20,
                                                SourceLocation where = SourceLocation::current());

  // Everything up to the end. ResourceExhausted if that is more than `most` bytes, which are left to be read.
  Promise<std::string> read_all(std::size_t most = std::size_t{1} << 30,
                                SourceLocation where = SourceLocation::current());

  // Writes it all.
  Promise<> write(std::string bytes, SourceLocation where = SourceLocation::current());

  // When all writes before have gone out: tells the peer that no more will come. It can still be read from. (A pipe or a
  // file is closed.) A write after it is rejected, FailedPrecondition.
  Promise<> shutdown(SourceLocation where = SourceLocation::current());

  void close();

  bool is_open() const { return state_ != nullptr; }
  int fd() const;  // -1 if closed.

 protected:
  explicit Stream(std::unique_ptr<promise_internal::StreamState> state);

 private:
  template <class How>
  Promise<typename How::Result> read(const char* call, How how, SourceLocation where);

  std::unique_ptr<promise_internal::StreamState> state_;
};

}  // namespace vow

#endif  // VOW_PROMISE_STREAM_H_
