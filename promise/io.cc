#include "promise/io.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "loop/block_pool.h"
#include "loop/event_loop.h"
#include "loop/fd_watch.h"
#include "promise/internal/typed_state.h"
#include "promise/internal/withdrawal.h"

namespace vow {
namespace {

using promise_internal::Withdrawal;

// The promise and its watch, in one block. It waits for no other promise, so as a job of that kind it is never queued.
class FdWait final : public promise_internal::TypedState<void>, public FdWatch, public Pooled<FdWait> {
 public:
  explicit FdWait(SourceLocation where) : TypedState(where) {}

  Promise<> wait(int descriptor, std::uint8_t what, const char* call) {
    if (absl::Status status = EventLoop::current(where()).watch(*this, descriptor, what, call); !status.ok()) {
      reject(std::move(status));
    } else {
      add_reference();  // For the table of descriptors.
    }
    return promise_internal::Access::make<void>(this);
  }

 private:
  void run() noexcept override {
    EventLoop::current_or_null()->unwatch(*this);
    fulfill();
    remove_reference();
  }
  void drop() noexcept override {
    if (EventLoop::current_or_null()->is_closed()) {
      reject_closed();
    } else {
      reject(absl::AbortedError("the file descriptor was closed while its readiness was waited for"));
    }
    remove_reference();
  }
  void stop(Withdrawal& withdrawal) noexcept override {
    EventLoop::current_or_null()->unwatch(*this);
    be_cancelled(withdrawal.reason());
    remove_reference();
  }
  void destroy() noexcept override { delete this; }
};

}  // namespace

Promise<> readable(int fd, SourceLocation where) {
  return (new FdWait(where))->wait(fd, FdWatch::kReadable, "readable");
}

Promise<> writable(int fd, SourceLocation where) {
  return (new FdWait(where))->wait(fd, FdWatch::kWritable, "writable");
}

}  // namespace vow
