// One block for a state of ours and, behind it, the frame that the compiler lays out for a coroutine. Internal: the header
// to read is promise/coroutine.h.
//
//   [ State | frame: promise object (Frame), parameters, locals ]
//
// So the frame can be destroyed when the coroutine has ended, with all that it holds, while the state lives on for its
// handles. State must be aligned as kFrameBlockAlignment says.
//
// The promise object has a reference to the state, rather than to compute its place from its own: until a coroutine is
// first suspended Clang takes that object for a local variable, outside of which there is nothing.

#ifndef VOW_PROMISE_INTERNAL_FRAME_BLOCK_H_
#define VOW_PROMISE_INTERNAL_FRAME_BLOCK_H_

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstring>
#include <new>

#include "absl/base/config.h"
#include "loop/block_pool.h"
#include "loop/source_location.h"

#ifdef ABSL_HAVE_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace vow::promise_internal {

// How a State has to be aligned that has, or is derived from, a Part: as operator new aligns, at least.
template <class Part>
inline constexpr std::size_t kFrameBlockAlignment = std::max<std::size_t>(__STDCPP_DEFAULT_NEW_ALIGNMENT__,
                                                                          alignof(Part));

// The block that was allocated last and has no state yet. In place of a state it holds the one before it, for to copy the
// parameters of a coroutine may call another one.
extern constinit thread_local void* latest_block;

template <class State, class Frame>
class FrameBlock {
 public:
  // For Frame's operator new: the place of a frame of so many bytes.
  static void* allocate(std::size_t frame_bytes) {
    void* const block = allocate_block_for<State>(sizeof(State) + frame_bytes);
    std::memcpy(block, &latest_block, sizeof(void*));
    latest_block = block;
    return static_cast<char*>(block) + sizeof(State);
  }

  // For Frame's constructor: makes the state.
  static State& make_state(SourceLocation where) {
    void* const block = latest_block;
    std::memcpy(&latest_block, block, sizeof(void*));
    return *new (block) State(where);
  }

  // For Frame's operator delete: the state, which has the block from here on, and gives it back by `free`. Null, and
  // nothing left, if the parameters could not be copied, so that there is no state.
  static State* release(void* frame, std::size_t frame_bytes) {
    char* const block = static_cast<char*>(frame) - sizeof(State);
    if (block == latest_block) [[unlikely]] {
      std::memcpy(&latest_block, block, sizeof(void*));
      free_block_for<State>(block, sizeof(State) + frame_bytes);
      return nullptr;
    }
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
