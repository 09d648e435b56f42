// Every operator new of a program that is linked with this is counted, and can be made to fail.
//
// Valgrind needs --soname-synonyms=somalloc=nouserintercepts, because it would put its own operator new in its place.

#ifndef VOW_TEST_RELIABILITY_MEMORY_H_
#define VOW_TEST_RELIABILITY_MEMORY_H_

#include <cstdint>

namespace vow {

// False where operator new cannot be replaced: then no bytes are counted, and nothing fails.
bool memory_is_counted();

// How many have been made so far.
std::int64_t allocations();

std::int64_t bytes_in_use();
std::int64_t most_bytes_in_use();  // Since the last call of forget_most_bytes_in_use.
void forget_most_bytes_in_use();

// While it lives, allocations of this thread fail: one, the `nth` from here, counted from 1; or all from that one on.
class FailingAllocations {
 public:
  enum class Times { kOnce, kFromThenOn };
  FailingAllocations(int nth, Times times);
  FailingAllocations(const FailingAllocations&) = delete;
  FailingAllocations& operator=(const FailingAllocations&) = delete;
  ~FailingAllocations();

  // Whether any has failed.
  static bool any();
};

}  // namespace vow

#endif  // VOW_TEST_RELIABILITY_MEMORY_H_
