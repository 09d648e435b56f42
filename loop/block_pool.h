// Memory for jobs and what hangs on them: blocks of a few dozen bytes, made and freed by the million.
//
//   void* block = allocate_block(sizeof(Thing));
//   free_block(block, sizeof(Thing));
//
// or, for a class all of whose objects are to live there, the base Pooled.
//
// Each thread has its own pool, so neither call has an atomic instruction: a block is freed on the thread that
// allocated it. Blocks of one size class live side by side in slabs of 64 KiB; a slab knows how many of its blocks are
// in use and is given back with its last one. A thread keeps up to 4 MiB of empty slabs for its next burst. Larger
// blocks come from operator new. A failed allocation is operator new's failure.
//
// A thread that has 4 MiB of slabs gets further ones side by side in regions of 2 MiB, each of which the kernel is asked
// to back by one huge page: that takes one page fault instead of 512, and a page fault costs as much as dozens of promises.
// Whoever cannot have huge pages turns them off for the process, by prctl(PR_SET_THP_DISABLE), or for the system.
//
// Under AddressSanitizer there is no pool (define VOW_NO_BLOCK_POOL to get that elsewhere): each block is an allocation
// of its own, so that every use after free and every leak is seen.
//
// A test can have each allocation and each free take the rare path, where a BlockWatch sees them (loop/block_watch.h).
// For that each allocation comes with a function that can tell what will be in the block.

#ifndef VOW_LOOP_BLOCK_POOL_H_
#define VOW_LOOP_BLOCK_POOL_H_

#include <cstddef>
#include <cstdint>
#include <new>

#include "absl/base/config.h"
#include "loop/cpp20.h"
#include "loop/source_location.h"

#if defined(ABSL_HAVE_ADDRESS_SANITIZER) && !defined(VOW_NO_BLOCK_POOL)
#define VOW_NO_BLOCK_POOL 1
#endif

namespace vow {

class BlockWatch;

// What is in a block, in words for users; null for what is of no interest to them.
struct BlockReport {
  const char* what = nullptr;
  bool is_pending = false;  // Something is still to become of it.
  SourceLocation where = {};
};

namespace loop_internal {

using ReportBlock = BlockReport (*)(const void* block);

// For blocks with a T; a class that has something to tell has a function block_report.
template <class T>
BlockReport report_block([[maybe_unused]] const void* block) {
  if constexpr (requires(const T& thing) { thing.block_report(); }) {
    return static_cast<const T*>(block)->block_report();
  } else {
    return {};
  }
}

inline constexpr std::size_t kBlockAlign = 16;     // Size classes are multiples of it.
inline constexpr std::size_t kLargestBlock = 512;  // Beyond: operator new.
inline constexpr std::size_t kSlabBytes = 64 * 1024;
inline constexpr std::size_t kSizeClasses = kLargestBlock / kBlockAlign;
inline constexpr int kMostEmptySlabs = 64;
inline constexpr int kSlabsBeforeRegions = 64;
inline constexpr int kSlabsInRegion = 32;
inline constexpr std::size_t kRegionBytes = kSlabsInRegion * kSlabBytes;

struct FreeBlock {
  FreeBlock* next;
};

struct Region;

// The head of a slab; its blocks follow. A slab that is not empty is in one of three states:
//
//   current    allocations of its class come from it       countdown = blocks in use + 1, so never 0
//   full       none free, and in no list                   countdown = 1: the first block to come back ends this state
//   partial    in its class's list, waiting to be current  countdown = blocks in use: the last one empties the slab
//
// so that freeing a block is one decrement and one branch in every state. A current slab that is part of a region counts as
// a partial one does, for it is not to keep the region when it is empty.
struct Slab {
  FreeBlock* free = nullptr;
  std::uint32_t countdown = 1;
  std::uint32_t carved = 0;  // Blocks that were ever handed out; when the slab is full, all of them are in use.
  std::uint32_t size_class = 0;
  bool watched = false;      // Is a BlockWatch's: neither of the three; countdown = 1 whenever nothing is being freed.
  Region* region = nullptr;  // That it is a part of; null for one that stands alone.
  char* uncarved = nullptr;  // The part that was never used, so that the system need not back it with memory yet.
  Slab* next = nullptr;      // Neighbours in the list of partial slabs; `next` also in the list of empty ones.
  Slab** link = nullptr;     // What points to this slab in the list of partial slabs; null when it is not there.
};

// Has no block, ever: the current slab of each class before the first allocation.
inline constinit Slab no_slab;

struct Pool {
  constexpr Pool() {
    for (Slab*& slab : current) slab = &no_slab;
  }
  Slab* current[kSizeClasses] = {};
  Slab* partial[kSizeClasses] = {};
  Slab* empty = nullptr;             // Those that stand alone.
  Slab* empty_in_regions = nullptr;  // The others.
  int empty_count = 0;               // Of both.
  int slab_count = 0;                // That this thread has allocated and not given back.
  Region* region = nullptr;          // Where the next slabs come from: the last so many of its slabs.
  int left_in_region = 0;
  BlockWatch* watch = nullptr;
  bool thread_ends = false;  // What is freed or allocated from here on, by other destructors, is not kept.
};

extern constinit thread_local Pool this_thread_pool;

// The rare half of each call: no free block in the current slab; a countdown that has reached 0.
void* allocate_from_next_slab(std::size_t size_class, ReportBlock report);
void slab_counted_down(Slab* slab);

// From operator new. Not inlined, because g++ looks for the operator delete that belongs to it where a coroutine's frame is
// given back, and warns that it finds another.
void* allocate_large_block(std::size_t bytes, std::size_t alignment, ReportBlock report);
void free_large_block(void* block, std::size_t alignment) noexcept;

}  // namespace loop_internal

inline void* allocate_block(std::size_t bytes, loop_internal::ReportBlock report = nullptr) {
#ifndef VOW_NO_BLOCK_POOL
  using namespace loop_internal;  // NOLINT
  if (bytes <= kLargestBlock) {
    const std::size_t size_class = (bytes - 1) / kBlockAlign;
    Slab* slab = this_thread_pool.current[size_class];
    FreeBlock* block = slab->free;
    if (block == nullptr) [[unlikely]]
      return allocate_from_next_slab(size_class, report);
    slab->free = block->next;
    ++slab->countdown;
    return block;
  }
#endif
  return loop_internal::allocate_large_block(bytes, loop_internal::kBlockAlign, report);
}

inline void free_block(void* block, [[maybe_unused]] std::size_t bytes) noexcept {
#ifndef VOW_NO_BLOCK_POOL
  using namespace loop_internal;  // NOLINT
  if (bytes <= kLargestBlock) {
    auto* slab = reinterpret_cast<Slab*>(reinterpret_cast<std::uintptr_t>(block) & ~(kSlabBytes - 1));
    auto* freed = static_cast<FreeBlock*>(block);
    freed->next = slab->free;
    slab->free = freed;
    if (--slab->countdown == 0) [[unlikely]]
      slab_counted_down(slab);
    return;
  }
#endif
  loop_internal::free_large_block(block, loop_internal::kBlockAlign);
}

// The same for an object of type T, which may ask for more alignment than blocks have, and may be followed by others.
template <class T>
void* allocate_block_for(std::size_t bytes) {
  if constexpr (alignof(T) > loop_internal::kBlockAlign) {
    return loop_internal::allocate_large_block(bytes, alignof(T), loop_internal::report_block<T>);
  } else {
    return allocate_block(bytes, loop_internal::report_block<T>);
  }
}
template <class T>
void free_block_for(void* block, [[maybe_unused]] std::size_t bytes) noexcept {
  if constexpr (alignof(T) > loop_internal::kBlockAlign) {
    loop_internal::free_large_block(block, alignof(T));
  } else {
    free_block(block, bytes);
  }
}

// Base of a final class, Self, whose objects are to live in blocks of the pool:
//
//   class Thing final : public Pooled<Thing> { ... };
template <class Self>
class Pooled {
 public:
  static void* operator new(std::size_t bytes) { return allocate_block_for<Self>(bytes); }
  static void operator delete(void* block) noexcept { free_block_for<Self>(block, sizeof(Self)); }
};

}  // namespace vow

#endif  // VOW_LOOP_BLOCK_POOL_H_
