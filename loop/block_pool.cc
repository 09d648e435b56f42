// The rare paths of the block pool: a new slab for a class, a slab whose countdown has reached 0, and all that a
// BlockWatch is to see.

#include "loop/block_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <utility>

#include "loop/block_watch.h"
#include "loop/fatal.h"

namespace vow::loop_internal {

constinit thread_local Pool this_thread_pool;

// Lives as long as a slab of it, or as its pool takes slabs from it. A slab that is given back is not taken again: its
// memory goes back at once, its addresses with the region. The count is atomic because the last blocks of a thread that has
// ended may come back on several others.
struct Region {
  char* memory;
  std::atomic<int> slabs = 1;  // That were not given back; and one more while slabs are taken from it.
};

namespace {

constexpr std::size_t kCarveBytes = 4096;  // How much of a slab is made into blocks at a time.

std::size_t block_bytes(const Slab& slab) { return (slab.size_class + 1) * kBlockAlign; }

// Blocks start at a multiple of kBlockAlign behind the head.
char* first_block(Slab& slab) {
  return reinterpret_cast<char*>(&slab) + (sizeof(Slab) + kBlockAlign - 1) / kBlockAlign * kBlockAlign;
}

// What the countdown of a current slab has besides its blocks.
std::uint32_t extra_count(const Slab& slab) { return slab.region == nullptr ? 1 : 0; }

char* end_of(Slab& slab) { return reinterpret_cast<char*>(&slab) + kSlabBytes; }

void release(Region* region) {
  if (region->slabs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  ::operator delete (region->memory, std::align_val_t{kRegionBytes});
  delete region;
}

void enter_region(Pool& pool) {
  auto region = std::make_unique<Region>();
  region->memory = static_cast<char*>(::operator new (kRegionBytes, std::align_val_t{kRegionBytes}));
  madvise(region->memory, kRegionBytes, MADV_HUGEPAGE);  // If not, then not.
  pool.region = region.release();
  pool.left_in_region = kSlabsInRegion;
}

void leave_region(Pool& pool) {
  if (pool.region != nullptr) release(std::exchange(pool.region, nullptr));
}

Slab* allocate_slab(Pool& pool) {
  Slab* slab;
  if (pool.slab_count < kSlabsBeforeRegions || pool.thread_ends) {
    slab = new (::operator new (kSlabBytes, std::align_val_t{kSlabBytes})) Slab;
  } else {
    if (pool.region == nullptr) enter_region(pool);
    slab = new (pool.region->memory + kRegionBytes - pool.left_in_region * kSlabBytes) Slab;
    slab->region = pool.region;
    slab->region->slabs.fetch_add(1, std::memory_order_relaxed);
    if (--pool.left_in_region == 0) leave_region(pool);
  }
  ++pool.slab_count;
  return slab;
}

void give_back(Slab* slab) {
  Pool& pool = this_thread_pool;
  --pool.slab_count;  // The slab may be an ended thread's: then this one counts too few, which does no harm.
  Region* const region = slab->region;
  if (region == nullptr) return ::operator delete (slab, std::align_val_t{kSlabBytes});
  madvise(slab, kSlabBytes, MADV_DONTNEED);
  release(region);
  if (pool.region != nullptr && pool.region->slabs.load(std::memory_order_relaxed) == 1) leave_region(pool);
}

Slab* take_empty(Slab*& list) {
  Slab* const slab = list;
  list = slab->next;
  --this_thread_pool.empty_count;
  return slab;
}

void list_as_partial(Slab& slab) {
  Slab*& head = this_thread_pool.partial[slab.size_class];
  slab.next = head;
  slab.link = &head;
  if (head != nullptr) head->link = &slab.next;
  head = &slab;
}

void unlist(Slab& slab) {
  *slab.link = slab.next;
  if (slab.next != nullptr) slab.next->link = slab.link;
  slab.link = nullptr;
}

// A slab whose thread has ended is in no list: it stands for itself until its last block comes back, from whichever
// thread then has it.
void orphan(Slab& slab) {
  slab.next = nullptr;
  slab.link = &slab.next;
}

// Gives a thread's empty slabs back when it ends.
struct AtThreadExit {
  ~AtThreadExit() {
    Pool& pool = this_thread_pool;
    for (std::size_t size_class = 0; size_class < kSizeClasses; ++size_class) {
      while (Slab* slab = pool.partial[size_class]) {
        unlist(*slab);
        orphan(*slab);
      }
      Slab* slab = std::exchange(pool.current[size_class], &no_slab);
      if (slab == &no_slab) continue;
      slab->countdown -= extra_count(*slab);
      if (slab->countdown == 0) {
        give_back(slab);
      } else {
        orphan(*slab);
      }
    }
    while (pool.empty != nullptr) give_back(take_empty(pool.empty));
    while (pool.empty_in_regions != nullptr) give_back(take_empty(pool.empty_in_regions));
    leave_region(pool);
    pool.thread_ends = true;
  }
};

// Sees to it that this thread's slabs are given back when it ends.
void expect_thread_exit() {
  static thread_local AtThreadExit at_thread_exit;
  static_cast<void>(&at_thread_exit);
}

// For the next burst, if there is room; those that stand alone take it from the others, so that in the end no region is
// kept for a slab.
bool keep_empty(Slab* slab) {
  Pool& pool = this_thread_pool;
  if (pool.thread_ends) return false;
  expect_thread_exit();
  if (pool.empty_count == kMostEmptySlabs) {
    if (slab->region != nullptr || pool.empty_in_regions == nullptr) return false;
    give_back(take_empty(pool.empty_in_regions));
  }
  Slab*& list = slab->region == nullptr ? pool.empty : pool.empty_in_regions;
  slab->next = list;
  list = slab;
  ++pool.empty_count;
  return true;
}

// Of the class, with blocks that were carved before or with none.
Slab* new_slab(std::size_t size_class) {
  Pool& pool = this_thread_pool;
  Slab* slab;
  if (pool.empty_count > 0) {
    slab = take_empty(pool.empty != nullptr ? pool.empty : pool.empty_in_regions);
    slab->countdown = 1;
    if (slab->size_class == size_class) return slab;
    Region* const region = slab->region;
    slab = new (slab) Slab;
    slab->region = region;
  } else {
    expect_thread_exit();
    slab = allocate_slab(pool);
  }
  slab->size_class = static_cast<std::uint32_t>(size_class);
  slab->uncarved = first_block(*slab);
  return slab;
}

// Makes free blocks out of the next part of the slab that was never used; false if there is none left.
bool carve(Slab& slab) {
  const std::size_t bytes = block_bytes(slab);
  char* const end = std::min(slab.uncarved + kCarveBytes / bytes * bytes, end_of(slab) - bytes + 1);
  FreeBlock** tail = &slab.free;
  for (; slab.uncarved < end; slab.uncarved += bytes) {
    auto* block = reinterpret_cast<FreeBlock*>(slab.uncarved);
    ++slab.carved;
    *tail = block;
    tail = &block->next;
  }
  *tail = nullptr;
  return slab.free != nullptr;
}

}  // namespace

void* allocate_from_next_slab(std::size_t size_class, ReportBlock report) {
  Pool& pool = this_thread_pool;
  if (pool.watch != nullptr) return pool.watch->allocate(size_class, report);
  if (pool.thread_ends) {  // A slab for one block, which gives it back.
    Slab* slab = new_slab(size_class);
    carve(*slab);
    orphan(*slab);
    return std::exchange(slab->free, slab->free->next);
  }
  Slab*& current = pool.current[size_class];
  if (current == &no_slab || !carve(*current)) {
    Slab* next = pool.partial[size_class];
    if (next != nullptr) {
      unlist(*next);
      next->countdown += extra_count(*next);
    } else {
      next = new_slab(size_class);
      next->countdown = extra_count(*next);
      if (next->free == nullptr) carve(*next);
    }
    if (current != &no_slab) current->countdown = 1;  // It is full now.
    current = next;
  }
  FreeBlock* block = current->free;
  current->free = block->next;
  ++current->countdown;
  return block;
}

void* allocate_large_block(std::size_t bytes, std::size_t alignment, ReportBlock report) {
  void* block = alignment > __STDCPP_DEFAULT_NEW_ALIGNMENT__ ? ::operator new (bytes, std::align_val_t{alignment})
                                                             : ::operator new(bytes);
  if (BlockWatch* watch = this_thread_pool.watch) watch->add(block, report);
  return block;
}

void free_large_block(void* block, std::size_t alignment) noexcept {
  if (BlockWatch* watch = this_thread_pool.watch) watch->remove(block);
  if (alignment > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
    ::operator delete (block, std::align_val_t{alignment});
  } else {
    ::operator delete(block);
  }
}

void slab_counted_down(Slab* slab) {
  if (slab->watched) return this_thread_pool.watch->freed(*slab);
  if (Slab*& current = this_thread_pool.current[slab->size_class]; slab == current) {
    current = &no_slab;
  } else if (slab->link == nullptr) {  // It was full, and one block has come back.
    slab->countdown = slab->carved - 1;
    list_as_partial(*slab);
    return;
  } else {
    unlist(*slab);
  }
  if (!keep_empty(slab)) give_back(slab);
}

}  // namespace vow::loop_internal

namespace vow {

using loop_internal::kSizeClasses;
using loop_internal::no_slab;
using loop_internal::Pool;
using loop_internal::Slab;
using loop_internal::this_thread_pool;

BlockWatch::BlockWatch() {
  Pool& pool = this_thread_pool;
  if (pool.watch != nullptr) fatal("a second BlockWatch on a thread that has one", SourceLocation::current());
  pool.watch = this;
  for (std::size_t i = 0; i < kSizeClasses; ++i) {
    before_[i] = std::exchange(pool.current[i], &no_slab);
    if (before_[i]->region != nullptr) ++before_[i]->countdown;  // To have its rest even if it is empty.
  }
}

BlockWatch::~BlockWatch() {
  Pool& pool = this_thread_pool;
  pool.watch = nullptr;
  std::copy(before_, before_ + kSizeClasses, pool.current);
  for (Slab* slab : before_) {
    if (slab->region != nullptr && --slab->countdown == 0) loop_internal::slab_counted_down(slab);
  }
  // What is left stays where it is, and takes its slab along when it goes.
  for (Slab* head : slabs_) {
    for (Slab* slab = head; slab != nullptr; slab = slab->next) slab->countdown = 0;
  }
  for (const auto& [block, made] : made_) {
    if (made.slab != nullptr) ++made.slab->countdown;
  }
  for (Slab* head : slabs_) {
    while (Slab* slab = head) {
      head = slab->next;
      slab->watched = false;
      slab->countdown == 0 ? loop_internal::give_back(slab) : loop_internal::orphan(*slab);
    }
  }
}

std::vector<BlockWatch::Block> BlockWatch::blocks() const {
  std::vector<std::pair<std::uint64_t, Block>> numbered;
  for (const auto& [address, made] : made_) {
    if (made.report == nullptr) continue;
    const BlockReport report = made.report(address);
    if (report.what != nullptr) numbered.push_back({made.number, {address, report}});
  }
  std::sort(numbered.begin(), numbered.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Block> blocks;
  blocks.reserve(numbered.size());
  for (const auto& [number, block] : numbered) blocks.push_back(block);
  return blocks;
}

void* BlockWatch::allocate(std::size_t size_class, loop_internal::ReportBlock report) {
  Slab*& head = slabs_[size_class];
  Slab* slab = head;
  while (slab != nullptr && slab->free == nullptr && !loop_internal::carve(*slab)) slab = slab->next;
  if (slab == nullptr) {
    slab = loop_internal::new_slab(size_class);
    slab->watched = true;
    slab->next = std::exchange(head, slab);
    if (slab->free == nullptr) loop_internal::carve(*slab);
  }
  loop_internal::FreeBlock* const block = slab->free;
  add(block, report, slab);
  slab->free = block->next;
  return block;
}

void BlockWatch::freed(Slab& slab) noexcept {
  slab.countdown = 1;
  remove(slab.free);
}

void BlockWatch::add(const void* block, loop_internal::ReportBlock report, Slab* slab) {
  made_[block] = {count_++, report, slab};
}

}  // namespace vow
