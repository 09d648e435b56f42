#include "loop/letter_memory.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <new>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "loop/block_pool.h"
#include "test/support/filled.h"

// Sheets come from operator new. Where there are none, there is nothing to count, and Clang 14's TSan does not let the
// operators be replaced.
#if !defined(VOW_NO_BLOCK_POOL) && !(defined(__clang__) && defined(ABSL_HAVE_THREAD_SANITIZER))
#define VOW_TEST_COUNTS_SHEETS 1

namespace {
constexpr std::size_t kSheet = 4000;  // And not more than a page.
std::atomic<std::int64_t> sheets_allocated = 0;
std::atomic<std::int64_t> allocations_in_use = 0;
}  // namespace

void* operator new(std::size_t bytes) {
  void* memory = std::malloc(bytes);
  if (memory == nullptr) std::abort();
  if (bytes >= kSheet && bytes <= 4096) ++sheets_allocated;
  ++allocations_in_use;
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory != nullptr) --allocations_in_use;
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
#endif

namespace vow::loop_internal {
namespace {

class Written : public Filled {
 public:
  Written(std::size_t bytes, unsigned char content) : Filled(allocate_letter(bytes), bytes, content) {}
  bool is_aligned() const { return reinterpret_cast<std::uintptr_t>(memory()) % __STDCPP_DEFAULT_NEW_ALIGNMENT__ == 0; }
  void free() { free_letter(memory()); }
};

std::vector<Written> write_many() {
  std::vector<Written> letters;
  for (int i = 0; i < 5000; ++i) letters.emplace_back(1 + i % 700, i % 251);
  return letters;
}

void expect_intact_and_free(std::vector<Written>& letters) {
  for (Written& letter : letters) {
    EXPECT_TRUE(letter.is_intact());
    letter.free();
  }
}

void run_in_thread(const std::function<void()>& f) { std::thread(f).join(); }

TEST(LetterMemoryTest, HoldsLettersOfAnySizeThatDoNotOverlap) {
  std::vector<Written> letters = write_many();
  for (const Written& letter : letters) EXPECT_TRUE(letter.is_aligned());
  expect_intact_and_free(letters);
}

TEST(LetterMemoryTest, LeavesLettersIntactWhenTheirThreadEnds) {
  std::vector<Written> letters;
  run_in_thread([&] { letters = write_many(); });
  run_in_thread([] {
    std::vector<Written> others = write_many();
    expect_intact_and_free(others);
  });
  expect_intact_and_free(letters);
}

TEST(LetterMemoryTest, ServesAThreadThatWritesWhileAnotherFrees) {
  std::vector<Written> letters = write_many();
  std::thread other([&] { expect_intact_and_free(letters); });
  std::vector<Written> more = write_many();
  other.join();
  expect_intact_and_free(more);
}

class WritesAtThreadEnd {
 public:
  ~WritesAtThreadEnd() {
    Written letter(48, 'x');
    EXPECT_TRUE(letter.is_intact());
    letter.free();
  }
  void touch() {}
};

TEST(LetterMemoryTest, ServesThreadLocalsThatAreDestroyedLate) {
  run_in_thread([] {
    static thread_local WritesAtThreadEnd late;  // Made before the thread's sheet, hence destroyed after it.
    late.touch();
    Written(48, 'x').free();
  });
}

#ifdef VOW_TEST_COUNTS_SHEETS

// Runs `f` in a thread of its own. Gives the number of allocations that are in use after it, or more than before.
std::int64_t allocations_left_by(const std::function<void()>& f) {
  const std::int64_t before = allocations_in_use;
  run_in_thread(f);
  return allocations_in_use - before;
}

TEST(LetterMemoryTest, PutsManyLettersOnASheet) {
  run_in_thread([] {
    const std::int64_t before = sheets_allocated;
    std::vector<void*> letters(1000);
    for (void*& letter : letters) letter = allocate_letter(40);
    EXPECT_LE(sheets_allocated - before, 12);  // 11.8 would hold them, and the pointer that each has.
    for (void* letter : letters) free_letter(letter);
  });
}

void burst() {
  std::vector<void*> letters(100'000);
  for (void*& letter : letters) letter = allocate_letter(40);
  for (void* letter : letters) free_letter(letter);
}

constexpr int kMostKept = 1024;  // Sheets of 4 KiB, in the whole process.

TEST(LetterMemoryTest, KeepsNoMoreThanFourMebibytes) {
  EXPECT_LE(allocations_left_by(burst), kMostKept);
  EXPECT_LE(allocations_left_by(burst), 0);
}

TEST(LetterMemoryTest, TakesWhatWasKeptBeforeItTakesMore) {
  burst();
  const std::int64_t before = sheets_allocated;
  run_in_thread([] {
    for (int i = 0; i < 100'000; ++i) Written(40, 'x').free();
  });
  EXPECT_EQ(sheets_allocated, before);
}

TEST(LetterMemoryTest, IsGivenBackWhenTheLastLetterOutlivesItsThread) {
  burst();
  std::vector<void*> letters(100'000);
  const std::int64_t written = allocations_left_by([&] {
    for (void*& letter : letters) letter = allocate_letter(40);
  });
  EXPECT_GT(written, 100);
  EXPECT_LE(allocations_left_by([&] {
              for (void* letter : letters) free_letter(letter);
            }),
            -written);
}

#endif

}  // namespace
}  // namespace vow::loop_internal
