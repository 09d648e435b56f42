#include "promise/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "loop/block_pool.h"
#include "promise/internal/owned_fd.h"
#include "promise/internal/stream_state.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"

namespace vow {
namespace promise_internal {
namespace {

// So many operations may succeed at once before the others get a turn.
constexpr int kBudget = 16;

constexpr std::size_t kChunk = 65536;

// Where bytes arrive whose number is not known before.
absl::Span<char> scratch() {
  static thread_local const std::unique_ptr<char[]> memory(new char[kChunk]);
  return absl::MakeSpan(memory.get(), kChunk);
}

absl::Status end_before(std::string_view what, std::size_t came) {
  return absl::OutOfRangeError(absl::StrCat("the end came before ", what, ", after ", came, " bytes"));
}

// write, but for the signal that it sends to those who do not handle EPIPE.
ssize_t write_without_signal(int fd, std::string_view bytes) {
  sigset_t pipe, before;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  const ssize_t written = write(fd, bytes.data(), bytes.size());
  const int error = errno;
  if (written < 0 && error == EPIPE && !sigismember(&before, SIGPIPE)) {
    const timespec at_once = {};
    while (sigtimedwait(&pipe, nullptr, &at_once) < 0 && errno == EINTR) continue;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return written;
}

// Outcomes of a read: none as long as there is not enough.
template <class T>
using Enough = std::optional<absl::StatusOr<T>>;

// Fills the input until `take` finds enough in it; `at_end` is for what there is then.
template <class T, class Take, class AtEnd>
Enough<T> read_input(StreamState& stream, Take&& take, AtEnd&& at_end) {
  while (true) {
    if (Enough<T> enough = take(stream.input())) return enough;
    switch (stream.fill()) {
      case StreamState::Came::kData:
        break;
      case StreamState::Came::kNothing:
        return std::nullopt;
      case StreamState::Came::kEnd:
        return at_end(stream.input());
      case StreamState::Came::kError:
        return stream.read_error();
    }
  }
}

struct ReadSome {
  using Result = std::string;
  std::size_t most;
  Enough<Result> operator()(StreamState& stream) const {
    if (!stream.input().empty()) return stream.take_input(most);
    const absl::Span<char> memory = scratch().subspan(0, most);
    std::size_t bytes = 0;
    switch (stream.receive(memory, bytes)) {
      case StreamState::Came::kData:
        return std::string(memory.data(), bytes);
      case StreamState::Came::kNothing:
        return std::nullopt;
      case StreamState::Came::kEnd:
        return std::string();
      case StreamState::Came::kError:
        break;
    }
    return stream.read_error();
  }
};

struct ReadInto {
  using Result = std::size_t;
  absl::Span<char> memory;
  Enough<Result> operator()(StreamState& stream) const {
    if (!stream.input().empty()) {
      const std::string bytes = stream.take_input(memory.size());
      bytes.copy(memory.data(), bytes.size());
      return bytes.size();
    }
    std::size_t bytes = 0;
    switch (stream.receive(memory, bytes)) {
      case StreamState::Came::kData:
        return bytes;
      case StreamState::Came::kNothing:
        return std::nullopt;
      case StreamState::Came::kEnd:
        return std::size_t{0};
      case StreamState::Came::kError:
        break;
    }
    return stream.read_error();
  }
};

struct ReadExactly {
  using Result = std::string;
  std::size_t bytes;
  Enough<Result> operator()(StreamState& stream) const {
    return read_input<Result>(
        stream,
        [&](std::string_view input) -> Enough<Result> {
          if (input.size() < bytes) return std::nullopt;
          return stream.take_input(bytes);
        },
        [&](std::string_view input) { return end_before(absl::StrCat(bytes, " bytes"), input.size()); });
  }
};

// Where a delimiter ends, looking at no byte of the input twice; npos if there is none, an error if there are too many.
struct Search {
  std::string delimiter;
  std::size_t most;
  std::size_t searched = 0;

  absl::StatusOr<std::size_t> operator()(std::string_view input) {
    const std::size_t from = searched < delimiter.size() ? 0 : searched - delimiter.size() + 1;
    const std::size_t found = input.find(delimiter, from);
    searched = input.size();
    const std::size_t end = found == input.npos ? input.npos : found + delimiter.size();
    if (end == input.npos ? input.size() < most : end <= most) return end;
    return absl::ResourceExhaustedError(absl::StrCat("no delimiter within ", most, " bytes"));
  }
};

struct ReadUntil {
  using Result = std::string;
  Search search;
  Enough<Result> operator()(StreamState& stream) {
    return read_input<Result>(
        stream,
        [&](std::string_view input) -> Enough<Result> {
          absl::StatusOr<std::size_t> end = search(input);
          if (!end.ok()) return end.status();
          if (*end == input.npos) return std::nullopt;
          return stream.take_input(*end);
        },
        [&](std::string_view input) { return end_before("the delimiter", input.size()); });
  }
};

struct ReadLine {
  using Result = std::optional<std::string>;
  Search search;
  Enough<Result> operator()(StreamState& stream) {
    return read_input<Result>(
        stream,
        [&](std::string_view input) -> Enough<Result> {
          absl::StatusOr<std::size_t> end = search(input);
          if (!end.ok()) return end.status();
          if (*end == input.npos) return std::nullopt;
          return Result(without_end(stream.take_input(*end)));
        },
        [&](std::string_view input) -> Enough<Result> {
          if (input.empty()) return Result();
          return Result(without_end(stream.take_input(input.size())));
        });
  }

 private:
  static std::string without_end(std::string line) {
    if (!line.empty() && line.back() == '\n') line.pop_back();
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
  }
};

struct ReadAll {
  using Result = std::string;
  std::size_t most;
  Enough<Result> operator()(StreamState& stream) const {
    return read_input<Result>(
        stream,
        [&](std::string_view input) -> Enough<Result> {
          if (input.size() <= most) return std::nullopt;
          return absl::ResourceExhaustedError(absl::StrCat("no end within ", most, " bytes"));
        },
        [&](std::string_view input) { return stream.take_input(input.size()); });
  }
};

// The promise of a read, with what it takes.
template <class How>
class Read final : public TypedState<typename How::Result>, public Reading, public Pooled<Read<How>> {
 public:
  Read(StreamState& stream, How how, SourceLocation where)
      : TypedState<typename How::Result>(where), stream_(stream), how_(std::move(how)) {}

  bool advance() override {
    Enough<typename How::Result> outcome = how_(stream_);
    if (!outcome.has_value()) return false;
    this->resolve_with(*std::move(outcome));
    return true;
  }
  void fail(absl::Status error) override { this->reject(std::move(error)); }
  void close_loop() override { this->reject_closed(); }
  void release() override { this->remove_reference(); }

 private:
  void run() noexcept override {}
  void stop(Withdrawal& withdrawal) noexcept override {
    stream_.forget_reading();
    this->be_cancelled(withdrawal.reason());
    this->remove_reference();
  }
  void destroy() noexcept override { this->destroy_block(this); }

  StreamState& stream_;
  How how_;
};

}  // namespace

// The promise of a write, with its bytes; or, without any, of the shutdown.
class StreamState::Write final : public Waiter<void>, public Pooled<Write> {
 public:
  Write(StreamState& stream, std::string bytes, std::size_t sent, SourceLocation where)
      : Waiter(where), stream_(stream), bytes_(std::move(bytes)), sent_(sent) {}

  std::string_view rest() const { return std::string_view(bytes_).substr(sent_); }
  void has_sent(std::size_t bytes) { sent_ += bytes; }
  bool is_shutdown() const { return bytes_.empty(); }
  void close_loop() {
    reject_closed();
    remove_reference();
  }

 private:
  void left() noexcept override { stream_.write_left(sent_, bytes_.size()); }
  void destroy() noexcept override { delete this; }

  StreamState& stream_;
  std::string bytes_;
  std::size_t sent_;
};

StreamState::StreamState(int fd, Owner owner, std::string name, SourceLocation where)
    : descriptor_(fd),
      owner_(owner),
      name_(name.empty() ? absl::StrCat("fd ", fd) : std::move(name)),
      where_(where),
      budget_(kBudget) {}

absl::Status StreamState::open() {
  struct stat about = {};
  if (fstat(descriptor_, &about) != 0) return error("open", errno);
  is_socket_ = S_ISSOCK(about.st_mode);
  int socket_type = SOCK_STREAM;
  socklen_t size = sizeof(socket_type);
  if (is_socket_) getsockopt(descriptor_, SOL_SOCKET, SO_TYPE, &socket_type, &size);
  tells_when_empty_ = is_socket_ ? socket_type == SOCK_STREAM : S_ISFIFO(about.st_mode);
  const int flags = fcntl(descriptor_, F_GETFL);
  if (flags < 0) return error("open", errno);
  if (owner_ == Owner::kStream) {
    if ((flags & O_NONBLOCK) == 0 && fcntl(descriptor_, F_SETFL, flags | O_NONBLOCK) != 0) return error("open", errno);
  } else {
    may_block_ = !is_socket_ && (flags & O_NONBLOCK) == 0;
  }
  absl::Status status = EventLoop::current(where_).watch(*this, descriptor_, kReadable | kWritable | kEdge, "Stream");
  if (absl::IsPermissionDenied(status)) {  // A regular file: always ready.
    may_block_ = false;
    return absl::OkStatus();
  }
  return status;
}

StreamState::~StreamState() {
  check_usable("~Stream", where_);
  const auto closed = [this] { return absl::AbortedError(absl::StrCat(name_, ": the stream was closed")); };
  close_descriptor();
  if (reading_ != nullptr) {
    reading_->fail(closed());
    finish_reading()->release();
  }
  if (!writes_.empty()) fail_writes(closed());
}

void StreamState::check_usable(const char* call, SourceLocation where) const {
  if (loop_id_ != EventLoop::current_id() && EventLoop::is_open(loop_id_)) misused(call, "Stream", loop_id_, where);
}

absl::Status StreamState::error(const char* call, int number) const {
  return absl::ErrnoToStatus(number, absl::StrCat(name_, ": ", call));
}

void StreamState::close_descriptor() {
  if (FdLink::fd >= 0) EventLoop::current_or_null()->unwatch(*this);
  if (is_waiting_for_turn_) EventLoop::disarm(again_);
  is_waiting_for_turn_ = false;
  const int descriptor = std::exchange(descriptor_, -1);
  if (descriptor >= 0 && owner_ == Owner::kStream) close(descriptor);
}

// Reading.

template <class KeepForStream>
void StreamState::start(Reading& reading, KeepForStream&& keep) {
  if (reading_ != nullptr) {
    reading.fail(absl::FailedPreconditionError(absl::StrCat(name_, ": a read is under way already")));
  } else if (!reading.advance()) {
    keep();
    reading_ = &reading;
    update_hold();
  }
}

template <class How>
Promise<typename How::Result> start_read(StreamState& stream, How how, SourceLocation where) {
  auto* read = new Read<How>(stream, std::move(how), where);
  stream.start(*read, [read] { read->add_reference(); });
  return Access::make<typename How::Result>(read);
}

Reading* StreamState::finish_reading() {
  Reading* const finished = std::exchange(reading_, nullptr);
  update_hold();
  return finished;
}

void StreamState::forget_reading() { finish_reading(); }

// The loop waits for a stream while somebody waits for it.
void StreamState::update_hold() {
  const bool holds = reading_ != nullptr || !writes_.empty();
  if (holds == holds_) return;
  holds_ = holds;
  if (EventLoop* const loop = EventLoop::current_or_null()) holds ? loop->hold() : loop->release();
}

std::string StreamState::take_input(std::size_t bytes) {
  std::string taken;
  if (input_start_ == 0 && bytes >= input_.size()) {
    taken = std::exchange(input_, std::string());
    return taken;
  }
  taken = input_.substr(input_start_, bytes);
  input_start_ += taken.size();
  // So that a byte is moved but once, on the average.
  if (input_start_ >= input_.size() / 2) input_.erase(0, std::exchange(input_start_, 0));
  return taken;
}

StreamState::Came StreamState::fill() {
  std::size_t bytes = 0;
  const Came came = receive(scratch(), bytes);
  if (came == Came::kData) input_.append(scratch().data(), bytes);
  return came;
}

StreamState::Came StreamState::receive(absl::Span<char> memory, std::size_t& bytes) {
  if (!read_error_.ok()) return Came::kError;
  if (descriptor_ < 0) {
    read_error_ = absl::FailedPreconditionError(absl::StrCat(name_, ": the stream is closed"));
    return Came::kError;
  }
  if (!readable_ || !spend()) return Came::kNothing;
  ssize_t count;
  do {
    if (is_socket_) {
      count = recv(descriptor_, memory.data(), memory.size(), MSG_DONTWAIT);
    } else if (may_block_ && !is_ready_now(descriptor_, POLLIN)) {
      errno = EAGAIN;
      count = -1;
    } else {
      count = ::read(descriptor_, memory.data(), memory.size());
    }
  } while (count < 0 && errno == EINTR);
  if (count > 0) {
    bytes = static_cast<std::size_t>(count);
    if (tells_when_empty_ && bytes < memory.size() && !ended_) readable_ = false;
    return Came::kData;
  }
  if (count == 0) return Came::kEnd;
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    readable_ = is_worth_another_try(POLLIN);
    return Came::kNothing;
  }
  read_error_ = error("read", errno);
  return Came::kError;
}

// Writing.

Promise<> StreamState::write(std::string bytes, SourceLocation where) {
  if (is_shut_down_)
    return reject<void>(absl::FailedPreconditionError(absl::StrCat(name_, ": write after shutdown")), where);
  std::size_t sent = 0;
  if (writes_.empty()) {
    sent = put(bytes);
    if (!write_error_.ok()) return reject<void>(write_error_, where);
    if (sent == bytes.size()) return resolve(where);
  } else if (bytes.empty()) {
    return resolve(where);
  }
  Promise<> promise = writes_.wait(*new Write(*this, std::move(bytes), sent, where));
  update_hold();
  return promise;
}

Promise<> StreamState::shutdown(SourceLocation where) {
  if (!write_error_.ok()) return reject<void>(write_error_, where);
  if (std::exchange(is_shut_down_, true)) return resolve(where);
  if (!writes_.empty()) return writes_.wait(*new Write(*this, "", 0, where));
  if (!shut_down_now()) return reject<void>(write_error_, where);
  return resolve(where);
}

bool StreamState::shut_down_now() {
  if (!is_socket_) {
    close_descriptor();
  } else if (::shutdown(descriptor_, SHUT_WR) != 0) {
    write_error_ = error("shutdown", errno);
    return false;
  }
  return true;
}

// As much as the kernel takes: so many bytes, of which there are none when there is an error.
std::size_t StreamState::put(std::string_view bytes) {
  if (write_error_.ok() && descriptor_ < 0)
    write_error_ = absl::FailedPreconditionError(absl::StrCat(name_, ": the stream is closed"));
  std::size_t sent = 0;
  while (sent < bytes.size() && write_error_.ok() && writable_ && spend()) {
    std::string_view rest = bytes.substr(sent);
    ssize_t count;
    if (is_socket_) {
      count = send(descriptor_, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (!may_block_) {
      count = write_without_signal(descriptor_, rest);
    } else if (is_ready_now(descriptor_, POLLOUT)) {
      rest = rest.substr(0, PIPE_BUF);
      count = write_without_signal(descriptor_, rest);
    } else {
      errno = EAGAIN;
      count = -1;
    }
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
      if (tells_when_empty_ && static_cast<std::size_t>(count) < rest.size() && !ended_) writable_ = false;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      writable_ = is_worth_another_try(POLLOUT);
    } else if (errno != EINTR) {
      write_error_ = error("write", errno);
    }
  }
  return sent;
}

void StreamState::advance_writes() {
  while (!writes_.empty()) {
    auto& write = static_cast<Write&>(writes_.front());
    if (write.is_shutdown()) {
      shut_down_now();
    } else {
      write.has_sent(put(write.rest()));
    }
    if (!write_error_.ok()) return fail_writes(write_error_);
    if (!write.rest().empty()) return;
    writes_.fulfill_next("write", where_);
  }
  update_hold();
}

void StreamState::fail_writes(const absl::Status& error) {
  while (!writes_.empty()) writes_.reject_next("write", where_, error);
  update_hold();
}

// A write was cancelled.
void StreamState::write_left(std::size_t sent, std::size_t all) {
  update_hold();
  if (sent == 0) return;
  write_error_ = absl::AbortedError(
      absl::StrCat(name_, ": a write was cancelled when ", sent, " of its ", all, " bytes had gone out"));
  fail_writes(write_error_);
}

// The turns of the loop.

bool StreamState::is_worth_another_try(short events) {
  if (may_block_ || !is_ready_now(descriptor_, events)) return false;
  budget_ = 0;
  return !spend();
}

bool StreamState::spend() {
  if (budget_ > 0) {
    --budget_;
    return true;
  }
  if (!std::exchange(is_waiting_for_turn_, true)) EventLoop::current_or_null()->arm_after(again_, absl::ZeroDuration());
  return false;
}

void StreamState::run() noexcept {
  const std::uint8_t came = FdLink::ready;
  if ((came & kReadable) != 0) readable_ = true;
  if ((came & kWritable) != 0) writable_ = true;
  if ((came & kEnded) != 0) ended_ = true;
  go_on();
}

void StreamState::Again::run() noexcept {
  stream_.is_waiting_for_turn_ = false;
  stream_.go_on();
}

void StreamState::go_on() {
  budget_ = kBudget;
  if (reading_ != nullptr && reading_->advance()) finish_reading()->release();
  if (!writes_.empty()) advance_writes();
}

// The loop closes; or the descriptor was closed behind the stream's back.
void StreamState::drop() noexcept {
  if (EventLoop::current_or_null()->is_closed()) return lose_loop();
  descriptor_ = -1;  // Its number is somebody else's.
  close_descriptor();
  read_error_ = write_error_ = absl::AbortedError(absl::StrCat(name_, ": closed by somebody else"));
  if (reading_ != nullptr) {
    reading_->fail(read_error_);
    finish_reading()->release();
  }
  fail_writes(write_error_);
}

void StreamState::Again::drop() noexcept {
  stream_.is_waiting_for_turn_ = false;
  stream_.lose_loop();
}

void StreamState::lose_loop() {
  if (std::exchange(is_waiting_for_turn_, false)) EventLoop::disarm(again_);
  if (reading_ != nullptr) {
    reading_->close_loop();
    finish_reading()->release();
  }
  while (!writes_.empty()) static_cast<Write&>(writes_.pop()).close_loop();
  update_hold();
}

}  // namespace promise_internal

using promise_internal::StreamState;

namespace {

template <class T>
Promise<T> closed(SourceLocation where) {
  return reject<T>(absl::FailedPreconditionError("the stream is closed"), where);
}

absl::StatusOr<std::unique_ptr<StreamState>> make_state(int fd, StreamState::Owner owner, std::string name,
                                                        SourceLocation where) {
  if (fd < 0) return absl::InvalidArgumentError(absl::StrCat("Stream: ", fd, " is not a file descriptor"));
  auto state = std::make_unique<StreamState>(fd, owner, std::move(name), where);
  if (absl::Status status = state->open(); !status.ok()) return status;
  return state;
}

}  // namespace

Stream::Stream() = default;
Stream::Stream(std::unique_ptr<StreamState> state) : state_(std::move(state)) {}
Stream::Stream(Stream&& other) noexcept = default;
Stream& Stream::operator=(Stream&& other) noexcept = default;
Stream::~Stream() = default;

absl::StatusOr<Stream> Stream::adopt(int fd, std::string name, SourceLocation where) {
  absl::StatusOr<std::unique_ptr<StreamState>> state =
      make_state(fd, StreamState::Owner::kStream, std::move(name), where);
  if (!state.ok()) return state.status();
  return Stream(*std::move(state));
}

absl::StatusOr<Stream> Stream::borrow(int fd, std::string name, SourceLocation where) {
  absl::StatusOr<std::unique_ptr<StreamState>> state =
      make_state(fd, StreamState::Owner::kCaller, std::move(name), where);
  if (!state.ok()) return state.status();
  return Stream(*std::move(state));
}

template <class How>
Promise<typename How::Result> Stream::read(const char* call, How how, SourceLocation where) {
  if (state_ == nullptr) return closed<typename How::Result>(where);
  state_->check_usable(call, where);
  return promise_internal::start_read(*state_, std::move(how), where);
}

Promise<std::string> Stream::read_some(std::size_t most, SourceLocation where) {
  return read("read_some", promise_internal::ReadSome{std::max<std::size_t>(most, 1)}, where);
}

Promise<std::size_t> Stream::read_some(absl::Span<char> memory, SourceLocation where) {
  if (memory.empty()) return reject<std::size_t>(absl::InvalidArgumentError("read_some: there is no memory"), where);
  return read("read_some", promise_internal::ReadInto{memory}, where);
}

Promise<std::string> Stream::read_exactly(std::size_t bytes, SourceLocation where) {
  return read("read_exactly", promise_internal::ReadExactly{bytes}, where);
}

Promise<std::string> Stream::read_until(std::string delimiter, std::size_t most, SourceLocation where) {
  if (delimiter.empty())
    return reject<std::string>(absl::InvalidArgumentError("read_until: the delimiter is empty"), where);
  return read("read_until", promise_internal::ReadUntil{{std::move(delimiter), most}}, where);
}

Promise<std::optional<std::string>> Stream::read_line(std::size_t most, SourceLocation where) {
  return read("read_line", promise_internal::ReadLine{{"\n", most}}, where);
}

Promise<std::string> Stream::read_all(std::size_t most, SourceLocation where) {
  return read("read_all", promise_internal::ReadAll{most}, where);
}

Promise<> Stream::write(std::string bytes, SourceLocation where) {
  if (state_ == nullptr) return closed<void>(where);
  state_->check_usable("write", where);
  return state_->write(std::move(bytes), where);
}

Promise<> Stream::shutdown(SourceLocation where) {
  if (state_ == nullptr) return closed<void>(where);
  state_->check_usable("shutdown", where);
  return state_->shutdown(where);
}

void Stream::close() { state_ = nullptr; }

int Stream::fd() const { return state_ == nullptr ? -1 : state_->fd(); }

}  // namespace vow
