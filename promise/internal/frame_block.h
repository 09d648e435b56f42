// One block for a state of ours and, behind it, the frame that the compiler lays out for a coroutine. Internal: the header
// to read is promise/coroutine.h.
//
//   [ State | frame: promise object (Frame), parameters, locals ]
//
// So the frame can be destroyed when the coroutine has ended, with all that it holds, while the state lives on for its
// handles. State must be aligned as operator new aligns.

#ifndef VOW_PROMISE_INTERNAL_FRAME_BLOCK_H_
#define VOW_PROMISE_INTERNAL_FRAME_BLOCK_H_

#include <coroutine>
#include <cstddef>
#include <cstring>

#include "absl/base/config.h"
#include "loop/block_pool.h"

#ifdef ABSL_HAVE_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace vow::promise_internal {

template <class State, class Frame>
class FrameBlock {
 public:
  // For Frame's operator new: the place of a frame of so many bytes. There is no state yet; Frame's constructor makes it,
  // at `state_of`.
  static void* allocate(std::size_t frame_bytes) {
    auto* block = static_cast<char*>(allocate_block_for<State>(sizeof(State) + frame_bytes));
#ifdef __cpp_exceptions
    std::memset(block, 0, sizeof(void*));  // Where the pointer to the virtual functions will be.
#endif
    return block + sizeof(State);
  }

  // For Frame's operator delete: the state, which has the block from here on, and gives it back by `free`. Null, and
  // nothing left, if a copy of the coroutine's parameters threw before there was a state.
  static State* release(void* frame, std::size_t frame_bytes) {
    char* block = static_cast<char*>(frame) - sizeof(State);
#ifdef __cpp_exceptions
    void* first;
    std::memcpy(&first, block, sizeof(first));
    if (first == nullptr) [[unlikely]] {
      free_block_for<State>(block, sizeof(State) + frame_bytes);
      return nullptr;
    }
#endif
    std::memcpy(frame, &frame_bytes, sizeof(frame_bytes));
#ifdef ABSL_HAVE_ADDRESS_SANITIZER
    ASAN_POISON_MEMORY_REGION(static_cast<char*>(frame) + sizeof(frame_bytes), frame_bytes - sizeof(frame_bytes));
#endif
    return reinterpret_cast<State*>(block);
  }

  // Destroys a state whose frame is gone, and the block.
  static void free(State* state) {
    void* const frame = frame_of(*state);
    std::size_t frame_bytes;
    std::memcpy(&frame_bytes, frame, sizeof(frame_bytes));
#ifdef ABSL_HAVE_ADDRESS_SANITIZER
    ASAN_UNPOISON_MEMORY_REGION(frame, frame_bytes);
#endif
    state->~State();
    free_block_for<State>(state, sizeof(State) + frame_bytes);
  }

  static State& state_of(Frame& frame) {
    auto* const address = static_cast<char*>(std::coroutine_handle<Frame>::from_promise(frame).address());
    return *reinterpret_cast<State*>(address - sizeof(State));
  }
  static std::coroutine_handle<Frame> handle_of(State& state) {
    return std::coroutine_handle<Frame>::from_address(frame_of(state));
  }

 private:
  static void* frame_of(State& state) {
    static_assert(alignof(State) >= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    return reinterpret_cast<char*>(&state) + sizeof(State);
  }
};

}  // namespace vow::promise_internal

#endif  // VOW_PROMISE_INTERNAL_FRAME_BLOCK_H_
