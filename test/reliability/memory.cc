#include "test/reliability/memory.h"

#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#include "absl/base/config.h"

namespace {

std::atomic<std::int64_t> made = 0;
std::atomic<std::int64_t> bytes_now = 0;
std::atomic<std::int64_t> most_bytes = 0;

thread_local std::int64_t allocations_to_failure = 0;  // 0: none fails.
thread_local bool goes_on_failing = false;
thread_local bool has_failed = false;

}  // namespace

// Clang 14's TSan does not let them be replaced.
#if defined(__clang__) && defined(ABSL_HAVE_THREAD_SANITIZER)
constexpr bool kIsCounted = false;
#else
constexpr bool kIsCounted = true;

namespace {

bool fails_now() {
  if (allocations_to_failure == 0) return false;
  if (allocations_to_failure > 1) {
    --allocations_to_failure;
    return false;
  }
  if (!goes_on_failing) allocations_to_failure = 0;
  has_failed = true;
  return true;
}

[[noreturn]] void throw_bad_alloc() {
#ifdef __cpp_exceptions
  throw std::bad_alloc();
#else
  std::abort();
#endif
}

constexpr std::align_val_t kDefaultAlign{__STDCPP_DEFAULT_NEW_ALIGNMENT__};

// Rounded down to a multiple of the alignment, because behind a block of large alignment glibc may leave nearly as much
// again.
std::int64_t bytes_of(void* block, std::align_val_t alignment) {
  const auto align = static_cast<std::size_t>(alignment);
  return static_cast<std::int64_t>(malloc_usable_size(block) / align * align);
}

// Null if it is to fail.
void* try_to_allocate(std::size_t bytes, std::align_val_t alignment = kDefaultAlign) {
  if (fails_now()) return nullptr;
  const auto align = static_cast<std::size_t>(alignment);
  const std::size_t rounded_up = (bytes + align - 1) / align * align;
  void* const block = alignment == kDefaultAlign ? std::malloc(bytes) : std::aligned_alloc(align, rounded_up);
  if (block == nullptr) std::abort();
  ++made;
  const std::int64_t now = bytes_now += bytes_of(block, alignment);
  if (now > most_bytes) most_bytes = now;
  return block;
}

void* allocate(std::size_t bytes, std::align_val_t alignment = kDefaultAlign) {
  void* const block = try_to_allocate(bytes, alignment);
  if (block == nullptr) throw_bad_alloc();
  return block;
}

void release(void* block, std::align_val_t alignment = kDefaultAlign) {
  if (block == nullptr) return;
  bytes_now -= bytes_of(block, alignment);
  std::free(block);
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes); }
void* operator new[](std::size_t bytes) { return allocate(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return try_to_allocate(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return try_to_allocate(bytes); }
void* operator new(std::size_t bytes, std::align_val_t alignment) { return allocate(bytes, alignment); }
void* operator new[](std::size_t bytes, std::align_val_t alignment) { return allocate(bytes, alignment); }
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return try_to_allocate(bytes, alignment);
}
void* operator new[](std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return try_to_allocate(bytes, alignment);
}
void operator delete(void* block) noexcept { release(block); }
void operator delete[](void* block) noexcept { release(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { release(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { release(block); }
void operator delete(void* block, std::size_t) noexcept { release(block); }
void operator delete[](void* block, std::size_t) noexcept { release(block); }
void operator delete(void* block, std::align_val_t alignment) noexcept { release(block, alignment); }
void operator delete[](void* block, std::align_val_t alignment) noexcept { release(block, alignment); }
void operator delete(void* block, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  release(block, alignment);
}
void operator delete[](void* block, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  release(block, alignment);
}
void operator delete(void* block, std::size_t, std::align_val_t alignment) noexcept { release(block, alignment); }
void operator delete[](void* block, std::size_t, std::align_val_t alignment) noexcept { release(block, alignment); }

#endif

namespace vow {

bool memory_is_counted() { return kIsCounted; }

std::int64_t allocations() { return made; }
std::int64_t bytes_in_use() { return bytes_now; }
std::int64_t most_bytes_in_use() { return most_bytes; }
void forget_most_bytes_in_use() { most_bytes = bytes_now.load(); }

FailingAllocations::FailingAllocations(int nth, Times times) {
  has_failed = false;
  goes_on_failing = times == Times::kFromThenOn;
  allocations_to_failure = nth;
}

FailingAllocations::~FailingAllocations() { allocations_to_failure = 0; }

bool FailingAllocations::any() { return has_failed; }

}  // namespace vow
