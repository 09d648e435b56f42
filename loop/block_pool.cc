// The rare paths of the block pool: a new slab for a class, and a slab whose countdown has reached 0.

#include "loop/block_pool.h"

#include <utility>

namespace vow::loop_internal {

constinit thread_local Pool this_thread_pool;

namespace {

constexpr std::size_t kCarveBytes = 4096;  // How much of a slab is made into blocks at a time.

std::size_t block_bytes(const Slab& slab) { return (slab.size_class + 1) * kBlockAlign; }

// Blocks start at a multiple of kBlockAlign behind the head.
char* first_block(Slab& slab) {
  return reinterpret_cast<char*>(&slab) + (sizeof(Slab) + kBlockAlign - 1) / kBlockAlign * kBlockAlign;
}

char* end_of(Slab& slab) { return reinterpret_cast<char*>(&slab) + kSlabBytes; }

void give_back(Slab* slab) { ::operator delete (slab, std::align_val_t{kSlabBytes}); }

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
      if (--slab->countdown == 0) {
        give_back(slab);
      } else {
        orphan(*slab);
      }
    }
    while (Slab* slab = pool.empty) {
      pool.empty = slab->next;
      give_back(slab);
    }
    pool.thread_ends = true;
  }
};

// Sees to it that this thread's slabs are given back when it ends.
void expect_thread_exit() {
  static thread_local AtThreadExit at_thread_exit;
  static_cast<void>(&at_thread_exit);
}

// Of the class, with blocks that were carved before or with none.
Slab* new_slab(std::size_t size_class) {
  Pool& pool = this_thread_pool;
  void* memory = pool.empty;
  if (memory != nullptr) {
    Slab* slab = pool.empty;
    pool.empty = slab->next;
    --pool.empty_count;
    if (slab->size_class == size_class) {
      slab->countdown = 1;
      return slab;
    }
  } else {
    expect_thread_exit();
    memory = ::operator new (kSlabBytes, std::align_val_t{kSlabBytes});
  }
  Slab* slab = new (memory) Slab;
  slab->size_class = size_class;
  slab->uncarved = first_block(*slab);
  return slab;
}

// Makes free blocks out of the next part of the slab that was never used; false if there is none left.
bool carve(Slab& slab) {
  const std::size_t bytes = block_bytes(slab);
  FreeBlock** tail = &slab.free;
  for (std::size_t done = 0; done < kCarveBytes && slab.uncarved + bytes <= end_of(slab); done += bytes) {
    auto* block = reinterpret_cast<FreeBlock*>(slab.uncarved);
    slab.uncarved += bytes;
    ++slab.carved;
    *tail = block;
    tail = &block->next;
  }
  *tail = nullptr;
  return slab.free != nullptr;
}

}  // namespace

void* allocate_from_next_slab(std::size_t size_class) {
  Pool& pool = this_thread_pool;
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
      ++next->countdown;
    } else {
      next = new_slab(size_class);
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

void* allocate_large_block(std::size_t bytes) { return ::operator new(bytes); }

void slab_counted_down(Slab* slab) {
  if (slab->link == nullptr) {  // It was full, and one block has come back.
    slab->countdown = slab->carved - 1;
    list_as_partial(*slab);
    return;
  }
  unlist(*slab);
  Pool& pool = this_thread_pool;
  if (pool.empty_count < kMostEmptySlabs && !pool.thread_ends) {
    expect_thread_exit();
    slab->next = pool.empty;
    pool.empty = slab;
    ++pool.empty_count;
  } else {
    give_back(slab);
  }
}

}  // namespace vow::loop_internal
