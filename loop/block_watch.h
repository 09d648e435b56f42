// Which of the library's objects a thread has made and not destroyed. For tests, which find by it what is left behind.
//
//   BlockWatch watch;
//   Deferred<int>* leaked = new Deferred<int>;
//   watch.blocks();  // [{..., "promise", pending, a.cc:3}]

#ifndef VOW_LOOP_BLOCK_WATCH_H_
#define VOW_LOOP_BLOCK_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "loop/block_pool.h"

namespace vow {

// Sees what is made on this thread from its construction to its destruction; one at a time. All allocations are slow
// meanwhile, and those before and after it as quick as ever.
class BlockWatch {
 public:
  BlockWatch();
  BlockWatch(const BlockWatch&) = delete;
  BlockWatch& operator=(const BlockWatch&) = delete;
  ~BlockWatch();

  struct Block {
    const void* address;
    BlockReport report;
  };
  // Those that are still there and have something to report, in the order in which they were made.
  std::vector<Block> blocks() const;

  // For the pool.
  void* allocate(std::size_t size_class, loop_internal::ReportBlock report);
  void freed(loop_internal::Slab& slab) noexcept;
  void add(const void* block, loop_internal::ReportBlock report, loop_internal::Slab* slab = nullptr);
  void remove(const void* block) noexcept { made_.erase(block); }

 private:
  struct Made {
    std::uint64_t number;
    loop_internal::ReportBlock report;
    loop_internal::Slab* slab;  // Null for a large block.
  };
  std::unordered_map<const void*, Made> made_;
  std::uint64_t count_ = 0;
  loop_internal::Slab* before_[loop_internal::kSizeClasses];  // The pool's current slabs, which have a rest meanwhile.
  loop_internal::Slab* slabs_[loop_internal::kSizeClasses] = {};  // Our own, by `next`.
};

}  // namespace vow

#endif  // VOW_LOOP_BLOCK_WATCH_H_
