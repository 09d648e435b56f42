#include "loop/block_pool.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <new>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "loop/block_watch.h"
#include "test/support/filled.h"

// Slabs and regions come from the aligned operator new, and next to nothing else does. Without a pool there is nothing to count,
// and Clang 14's TSan does not let the operators be replaced.
#if !defined(VOW_NO_BLOCK_POOL) && !(defined(__clang__) && defined(ABSL_HAVE_THREAD_SANITIZER))
#define VOW_TEST_COUNTS_SLABS 1

namespace {
std::atomic<std::int64_t> slabs_allocated = 0;
std::atomic<std::int64_t> slabs_in_use = 0;
std::atomic<std::int64_t> regions_in_use = 0;

std::int64_t slabs_in(std::align_val_t align) {  // A region is aligned to its size, as a slab is to its own.
  return static_cast<std::int64_t>(align) / static_cast<std::int64_t>(vow::loop_internal::kSlabBytes);
}
}  // namespace

void* operator new(std::size_t bytes, std::align_val_t align) {
  void* memory = std::aligned_alloc(static_cast<std::size_t>(align), bytes);
  if (memory == nullptr) std::abort();
  slabs_allocated += slabs_in(align);
  slabs_in_use += slabs_in(align);
  regions_in_use += slabs_in(align) > 1;
  return memory;
}

void operator delete(void* memory, std::align_val_t align) noexcept {
  if (memory != nullptr) {
    slabs_in_use -= slabs_in(align);
    regions_in_use -= slabs_in(align) > 1;
  }
  std::free(memory);
}

void operator delete(void* memory, std::size_t, std::align_val_t align) noexcept { operator delete(memory, align); }
#endif

namespace vow {
namespace {

class Block : public Filled {
 public:
  Block(std::size_t bytes, unsigned char content) : Filled(allocate_block(bytes), bytes, content) {}
  void free() { free_block(memory(), bytes()); }
};

TEST(BlockPoolTest, GivesBlocksOfAnySizeThatDoNotOverlap) {
  std::vector<Block> blocks;
  for (int round = 0; round < 20; ++round) {
    for (std::size_t bytes = 1; bytes <= 1100; bytes += 7) blocks.emplace_back(bytes, blocks.size() % 251);
  }
  for (const Block& block : blocks) EXPECT_TRUE(block.is_intact());
  for (Block& block : blocks) block.free();
}

TEST(BlockPoolTest, AlignsBlocksForAnyOrdinaryType) {
  for (std::size_t bytes = 1; bytes <= 1100; ++bytes) {
    void* block = allocate_block(bytes);
    const std::size_t align = bytes >= alignof(std::max_align_t) ? alignof(std::max_align_t) : 8;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % align, 0) << bytes;
    free_block(block, bytes);
  }
}

TEST(BlockPoolTest, GivesBlocksBeyondItsLargestClass) {
  for (std::size_t bytes : {511, 512, 513, 4096, 65536, 1 << 20}) {
    Block block(bytes, 'x');
    EXPECT_TRUE(block.is_intact());
    block.free();
  }
}

// Allocates and frees at random, in waves of `wave` steps, in which slabs fill and run empty.
template <class SomeSize>
void come_and_go(int wave, SomeSize some_size) {
  std::mt19937 random(1);
  std::vector<Block> blocks;
  for (int step = 0; step < 100'000; ++step) {
    const bool grow = blocks.empty() || random() % 10 < (step / wave % 2 == 0 ? 8u : 2u);
    if (grow) {
      blocks.emplace_back(some_size(random), step % 251);
    } else {
      std::swap(blocks[random() % blocks.size()], blocks.back());
      ASSERT_TRUE(blocks.back().is_intact());
      blocks.back().free();
      blocks.pop_back();
    }
  }
  for (Block& block : blocks) {
    ASSERT_TRUE(block.is_intact());
    block.free();
  }
}

TEST(BlockPoolTest, KeepsBlocksWholeWhileOthersComeAndGo) {
  come_and_go(10'000, [](std::mt19937& random) { return 1 + random() % 700; });
}

TEST(BlockPoolTest, KeepsBlocksWholeWhileOthersOfTheirSizeComeAndGo) {
  // A slab holds 127 of them, so each wave fills a few slabs and empties them.
  come_and_go(500, [](std::mt19937&) { return 512; });
}

template <std::size_t kAlign>
struct alignas(kAlign) Aligned final : public Pooled<Aligned<kAlign>> {
  char content[3];
};

template <class T>
class PooledAlignmentTest : public testing::Test {};
using Alignments = testing::Types<Aligned<1>, Aligned<16>, Aligned<32>, Aligned<64>, Aligned<4096>>;
TYPED_TEST_SUITE(PooledAlignmentTest, Alignments);

// KJ 35
TYPED_TEST(PooledAlignmentTest, IsWhatTheTypeDemands) {
  std::vector<TypeParam*> objects;
  for (int i = 0; i < 100; ++i) objects.push_back(new TypeParam);
  EXPECT_EQ(std::set<TypeParam*>(objects.begin(), objects.end()).size(), objects.size());
  for (TypeParam* object : objects) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(object) % alignof(TypeParam), 0);
    delete object;
  }
}

class Big final : public Pooled<Big> {
 public:
  char content[5000];
};

TEST(PooledTest, HoldsObjectsOfAnySize) {
  std::vector<Big*> objects;
  for (int i = 0; i < 10; ++i) std::memset((objects.emplace_back(new Big))->content, i, sizeof(Big));
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(std::count(objects[i]->content, objects[i]->content + sizeof(Big), i), sizeof(Big));
    delete objects[i];
  }
}

// Frees a block when its thread ends, whatever else has been destroyed by then.
class FreesAtThreadEnd {
 public:
  ~FreesAtThreadEnd() { free_block(block_, 48); }
  void allocate() { block_ = allocate_block(48); }

 private:
  void* block_ = nullptr;
};

class AllocatesAtThreadEnd {
 public:
  ~AllocatesAtThreadEnd() { free_block(allocate_block(48), 48); }
  void touch() {}
};

TEST(BlockPoolThreadTest, LeavesBlocksIntactWhenTheirThreadEnds) {
  std::vector<Block> blocks;
  std::thread([&] {
    for (int i = 0; i < 20'000; ++i) blocks.emplace_back(1 + i % 600, i % 251);
  }).join();
  std::thread([] {
    for (int i = 0; i < 20'000; ++i) Block(1 + i % 600, 'x').free();
  }).join();
  for (Block& block : blocks) {
    EXPECT_TRUE(block.is_intact());
    block.free();
  }
}

TEST(BlockPoolThreadTest, ServesThreadsAtTheSameTime) {
  std::vector<std::thread> threads;
  for (unsigned char name : {'a', 'b', 'c', 'd'}) {
    threads.emplace_back([name] {
      std::vector<Block> blocks;
      for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 2000; ++i) blocks.emplace_back(1 + i % 520, name);
        for (Block& block : blocks) {
          EXPECT_TRUE(block.is_intact());
          block.free();
        }
        blocks.clear();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

#ifdef VOW_TEST_COUNTS_SLABS

constexpr std::int64_t kMostKept = 64;  // Empty slabs of 64 KiB for each thread: 4 MiB.

// Runs `f` in a thread of its own, whose pool is new. Gives the number of slabs that are in use after it, or more than
// before.
std::int64_t slabs_left_by(const std::function<void()>& f) {
  const std::int64_t before = slabs_in_use;
  std::thread(f).join();
  return slabs_in_use - before;
}

TEST(BlockPoolMemoryTest, TakesNothingForABlockThatWasFreedBefore) {
  slabs_left_by([] {
    free_block(allocate_block(48), 48);
    const std::int64_t before = slabs_allocated;
    for (int i = 0; i < 100'000; ++i) free_block(allocate_block(48), 48);
    EXPECT_EQ(slabs_allocated, before);
  });
}

TEST(BlockPoolMemoryTest, PutsManyBlocksIntoASlab) {
  slabs_left_by([] {
    const std::int64_t before = slabs_in_use;
    std::vector<void*> blocks(60'000);
    for (void*& block : blocks) block = allocate_block(64);
    EXPECT_LE(slabs_in_use - before, 60);  // 59 would hold the blocks alone.
    for (void* block : blocks) free_block(block, 64);
  });
}

using Order = void (*)(std::vector<void*>&);
class BlockPoolBurstTest : public testing::TestWithParam<Order> {};

TEST_P(BlockPoolBurstTest, IsGivenBackButForFourMebibytes) {
  slabs_left_by([] {
    const std::int64_t before = slabs_in_use;
    std::vector<void*> blocks(1'000'000);
    for (void*& block : blocks) block = allocate_block(64);
    EXPECT_GT(slabs_in_use - before, 900);
    GetParam()(blocks);
    for (void* block : blocks) free_block(block, 64);
    EXPECT_LE(slabs_in_use - before, kMostKept + 1) << "and the slab that the next block comes from";
  });
}

INSTANTIATE_TEST_SUITE_P(FreedInOrder, BlockPoolBurstTest, testing::Values([](std::vector<void*>&) {}));
INSTANTIATE_TEST_SUITE_P(FreedBackwards, BlockPoolBurstTest, testing::Values([](std::vector<void*>& blocks) {
                           std::reverse(blocks.begin(), blocks.end());
                         }));
INSTANTIATE_TEST_SUITE_P(FreedAtRandom, BlockPoolBurstTest, testing::Values([](std::vector<void*>& blocks) {
                           std::shuffle(blocks.begin(), blocks.end(), std::mt19937(1));
                         }));

TEST(BlockPoolMemoryTest, TakesRegionsForWhatIsBeyondFourMebibytes) {
  slabs_left_by([] {
    std::vector<void*> blocks(64'000);  // Not quite 64 slabs of them.
    for (void*& block : blocks) block = allocate_block(64);
    EXPECT_EQ(regions_in_use, 0);
    blocks.resize(200'000);
    for (std::size_t i = 64'000; i < blocks.size(); ++i) blocks[i] = allocate_block(64);
    EXPECT_EQ(regions_in_use, 5);  // 136,000 blocks would fill 4.2.
    for (void* block : blocks) free_block(block, 64);
    EXPECT_EQ(regions_in_use, 0);
  });
}

TEST(BlockPoolMemoryTest, KeepsSlabsOfRegionsWhileTheOthersAreInUse) {
  slabs_left_by([] {
    std::vector<void*> blocks(64'000);
    for (void*& block : blocks) block = allocate_block(64);
    const auto burst = [] {
      std::vector<void*> more(50'000);
      for (void*& block : more) block = allocate_block(64);
      for (void* block : more) free_block(block, 64);
    };
    burst();
    const std::int64_t before = slabs_allocated;
    burst();
    EXPECT_EQ(slabs_allocated, before);
    for (void* block : blocks) free_block(block, 64);
    EXPECT_EQ(regions_in_use, 0);
  });
}

TEST(BlockPoolMemoryTest, IsGivenBackThoughABlockWatchWasThereMeanwhile) {
  slabs_left_by([] {
    std::vector<void*> blocks(200'000);
    for (void*& block : blocks) block = allocate_block(64);
    {
      BlockWatch watch;
      for (void* block : blocks) free_block(block, 64);
      EXPECT_GT(regions_in_use, 0) << "the watch keeps the slab that the next block comes from";
    }
    EXPECT_EQ(regions_in_use, 0);
    for (void*& block : blocks) block = allocate_block(64);
    for (void* block : blocks) free_block(block, 64);
    EXPECT_EQ(regions_in_use, 0);
  });
}

#ifndef ABSL_HAVE_THREAD_SANITIZER  // Which has memory of its own for each byte of ours.

// What the system has given this process, in bytes.
std::int64_t resident() {
  std::int64_t pages = 0;
  std::ifstream("/proc/self/statm").ignore(64, ' ') >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}

TEST(BlockPoolMemoryTest, GivesTheMemoryOfARegionBackSlabBySlab) {
  slabs_left_by([] {
    std::vector<void*> blocks(1'000'000);
    const std::int64_t before = resident();
    for (void*& block : blocks) block = allocate_block(64);
    EXPECT_GT(resident() - before, 50'000'000);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (i % 32'000 != 0) free_block(blocks[i], 64);  // One in each region stays, or nearly so.
    }
    EXPECT_LT(resident() - before, 20'000'000) << "4 MiB are kept, and 32 slabs are in use";
    for (std::size_t i = 0; i < blocks.size(); i += 32'000) free_block(blocks[i], 64);
    EXPECT_EQ(regions_in_use, 0);
  });
}

#endif

TEST(BlockPoolMemoryTest, ServesTheNextBurstFromWhatItKept) {
  slabs_left_by([] {
    const auto burst = [](std::size_t bytes) {
      std::vector<void*> blocks(3'000'000 / bytes);
      for (void*& block : blocks) block = allocate_block(bytes);
      for (void* block : blocks) free_block(block, bytes);
    };
    burst(64);
    const std::int64_t before = slabs_allocated;
    burst(64);
    EXPECT_EQ(slabs_allocated, before);
    burst(160);
    EXPECT_LE(slabs_allocated - before, 3) << "empty slabs serve any size";
  });
}

TEST(BlockPoolMemoryTest, FillsUpSlabsThatAreInUseBeforeItTakesNewOnes) {
  slabs_left_by([] {
    std::vector<void*> blocks(100'000);
    for (void*& block : blocks) block = allocate_block(64);
    const std::int64_t before = slabs_allocated;
    for (int round = 0; round < 5; ++round) {
      for (std::size_t i = round; i < blocks.size(); i += 10) free_block(blocks[i], 64);
      for (std::size_t i = round; i < blocks.size(); i += 10) blocks[i] = allocate_block(64);
    }
    EXPECT_EQ(slabs_allocated, before);
    for (void* block : blocks) free_block(block, 64);
  });
}

TEST(BlockPoolMemoryTest, IsGivenBackWhenTheThreadEnds) {
  EXPECT_EQ(slabs_left_by([] {
              std::vector<Block> blocks;
              for (int i = 0; i < 100'000; ++i) blocks.emplace_back(1 + i % 512, 'x');
              for (Block& block : blocks) block.free();
            }),
            0);
}

TEST(BlockPoolMemoryTest, IsGivenBackWhenAThreadLocalFreesTheLastBlock) {
  EXPECT_EQ(slabs_left_by([] {
              static thread_local FreesAtThreadEnd late;  // Made before the thread's pool, hence destroyed after it.
              late.allocate();
            }),
            0);
}

TEST(BlockPoolMemoryTest, IsGivenBackWhenAThreadLocalAllocatesLate) {
  EXPECT_EQ(slabs_left_by([] {
              static thread_local AllocatesAtThreadEnd late;
              late.touch();
              free_block(allocate_block(48), 48);
            }),
            0);
}

TEST(BlockPoolMemoryTest, IsGivenBackWhenBlocksThatOutlivedTheirThreadAreFreed) {
  constexpr int kBlocks = 200'000;
  EXPECT_EQ(slabs_left_by([] {
              std::vector<void*> blocks(kBlocks);
              EXPECT_GT(slabs_left_by([&] {
                          for (void*& block : blocks) block = allocate_block(64);
                        }),
                        kMostKept);
              for (void* block : blocks) free_block(block, 64);
            }),
            0);
}

TEST(BlockPoolMemoryTest, OfAnEndedThreadIsNoConcernOfANewThread) {
  void* left_over = nullptr;
  std::thread([&] { left_over = allocate_block(64); }).join();
  std::thread([&] {  // It is likely to have its pool at the very place where the ended one's was.
    std::vector<void*> blocks(2000);
    for (void*& block : blocks) block = allocate_block(64);
    for (std::size_t i = 0; i < 10; ++i) free_block(blocks[i], 64);
    std::thread([&] { free_block(left_over, 64); }).join();
    const std::int64_t before = slabs_allocated;
    for (std::size_t i = 0; i < 10; ++i) blocks[i] = allocate_block(64);
    std::vector<void*> more(40);
    for (void*& block : more) block = allocate_block(64);
    EXPECT_EQ(slabs_allocated, before);
    for (void* block : blocks) free_block(block, 64);
    for (void* block : more) free_block(block, 64);
  })
      .join();
}

#endif

}  // namespace
}  // namespace vow
