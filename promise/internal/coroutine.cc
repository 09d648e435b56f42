#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "promise/internal/await.h"
#include "promise/internal/frame_block.h"

namespace vow::promise_internal {

// Until the bound is known, every address is below it.
constinit thread_local std::uintptr_t least_stack_address = std::numeric_limits<std::uintptr_t>::max();

constinit thread_local void* latest_block = nullptr;

bool is_stack_low(std::uintptr_t address) {
  static thread_local const auto [lowest, size] = [] {
    void* start = nullptr;
    std::size_t bytes = 0;
    if (pthread_attr_t attributes; pthread_getattr_np(pthread_self(), &attributes) == 0) {
      pthread_attr_getstack(&attributes, &start, &bytes);
      pthread_attr_destroy(&attributes);
    }
    return std::pair(reinterpret_cast<std::uintptr_t>(start), bytes);
  }();
  least_stack_address = lowest + size / 2;
  // Somebody else's stack, a fiber's say, has bounds that are not known.
  return lowest <= address && address < least_stack_address;
}

void report_lost(absl::Status error, SourceLocation where) {
  if (error.ok() || error.code() == absl::StatusCode::kCancelled) return;
  if (EventLoop::current_or_null() == nullptr) return;  // It was closed, and with it go all rejections unheard.
  auto* state = new PlainState<void>(where);
  state->reject(std::move(error));
  state->remove_reference();
}

}  // namespace vow::promise_internal
