#include "loop/letter_memory.h"

#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

#include "loop/block_pool.h"  // VOW_NO_BLOCK_POOL

namespace vow::loop_internal {
namespace {

struct Sheet {
  // Letters that have not been freed. While a thread writes on the sheet, it counts for kManyLetters, less those that it
  // has written.
  std::atomic<std::int32_t> letters;
  Sheet* next;  // Of the empty ones.
};

constexpr std::int32_t kManyLetters = 1 << 30;
constexpr std::size_t kAlign = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
constexpr std::size_t kPointer = sizeof(void*);  // To its sheet: before each letter.
constexpr std::size_t kFirstLetter = (sizeof(Sheet) + kPointer + kAlign - 1) / kAlign * kAlign;
constexpr std::size_t kSheetBytes = 4096 - 2 * sizeof(void*);  // With what malloc adds, a page.
constexpr std::size_t kLargestLetter = kSheetBytes / 8;
constexpr int kMostEmptySheets = 1024;
#ifdef VOW_NO_BLOCK_POOL
constexpr bool kEachAlone = true;
#else
constexpr bool kEachAlone = false;
#endif

// Whoever takes some takes all, so that nobody else can change the list meanwhile. The count includes those taken, until
// they are used.
constinit std::atomic<Sheet*> empty_sheets = nullptr;
constinit std::atomic<int> empty_count = 0;

// The sheet that this thread writes on.
struct Desk {
  Sheet* sheet = nullptr;
  char* next = nullptr;  // So that what stands a pointer behind it is aligned.
  std::size_t room = 0;
  std::int32_t written = 0;
  Sheet* empty = nullptr;
  bool thread_ends = false;
};
constinit thread_local Desk this_thread_desk;

void keep_or_free(Sheet* sheet) {
  if (empty_count.fetch_add(1, std::memory_order_relaxed) >= kMostEmptySheets) {
    empty_count.fetch_sub(1, std::memory_order_relaxed);
    return ::operator delete(sheet);
  }
  sheet->next = empty_sheets.load(std::memory_order_relaxed);
  while (
      !empty_sheets.compare_exchange_weak(sheet->next, sheet, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

// Null if there is none.
Sheet* take_empty(Desk& desk) {
  if (desk.empty == nullptr) desk.empty = empty_sheets.exchange(nullptr, std::memory_order_acquire);
  Sheet* const sheet = desk.empty;
  if (sheet == nullptr) return nullptr;
  desk.empty = sheet->next;
  empty_count.fetch_sub(1, std::memory_order_relaxed);
  return sheet;
}

void release(Sheet* sheet, std::int32_t letters) {
  if (sheet->letters.fetch_sub(letters, std::memory_order_acq_rel) == letters) keep_or_free(sheet);
}

void leave_sheet(Desk& desk) {
  desk.room = 0;
  if (Sheet* const sheet = std::exchange(desk.sheet, nullptr)) release(sheet, kManyLetters - desk.written);
}

struct AtThreadExit {
  ~AtThreadExit() {
    Desk& desk = this_thread_desk;
    leave_sheet(desk);
    while (desk.empty != nullptr) keep_or_free(take_empty(desk));
    desk.thread_ends = true;
  }
};

void take_sheet(Desk& desk) {
  static thread_local AtThreadExit at_thread_exit;
  static_cast<void>(&at_thread_exit);
  leave_sheet(desk);
  void* memory = take_empty(desk);
  if (memory == nullptr) memory = ::operator new(kSheetBytes);
  desk.sheet = new (memory) Sheet{kManyLetters, nullptr};
  desk.next = static_cast<char*>(memory) + kFirstLetter - kPointer;
  desk.room = kSheetBytes - (kFirstLetter - kPointer);
  desk.written = 0;
}

Sheet*& sheet_of(void* letter) { return *(static_cast<Sheet**>(letter) - 1); }

void* allocate_alone(std::size_t bytes) {
  void* const letter = static_cast<char*>(::operator new(kAlign + bytes)) + kAlign;
  sheet_of(letter) = nullptr;
  return letter;
}

}  // namespace

void* allocate_letter(std::size_t bytes) {
  Desk& desk = this_thread_desk;
  const std::size_t taken = (kPointer + bytes + kAlign - 1) / kAlign * kAlign;
  if (taken > desk.room) [[unlikely]] {
    if (kEachAlone || taken > kLargestLetter || desk.thread_ends) return allocate_alone(bytes);
    take_sheet(desk);
  }
  void* const letter = desk.next + kPointer;
  desk.next += taken;
  desk.room -= taken;
  ++desk.written;
  sheet_of(letter) = desk.sheet;
  return letter;
}

void free_letter(void* letter) noexcept {
  if (Sheet* const sheet = sheet_of(letter)) {
    release(sheet, 1);
  } else {
    ::operator delete(static_cast<char*>(letter) - kAlign);
  }
}

}  // namespace vow::loop_internal
