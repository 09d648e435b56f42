// How large the tests of this folder are, and the small stack that some of them run on.
//
// VOW_TEST_LINKS sets another number of links, for slow tools.

#ifndef VOW_TEST_RELIABILITY_SCALE_H_
#define VOW_TEST_RELIABILITY_SCALE_H_

#include <pthread.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <functional>

#include "absl/base/config.h"
#include "gtest/gtest.h"

namespace vow {

#if defined(ABSL_HAVE_ADDRESS_SANITIZER) || defined(ABSL_HAVE_THREAD_SANITIZER)
inline constexpr int kDefaultLinks = 1'000'000;
#else
inline constexpr int kDefaultLinks = 10'000'000;
#endif

inline int most_links() {
  static const int number = [] {
    const char* const override = std::getenv("VOW_TEST_LINKS");
    return override != nullptr ? std::max(1000, std::atoi(override)) : kDefaultLinks;
  }();
  return number;
}

enum class Stack { kMain, kSmall };

// Sanitizers add to this what they need themselves: a thread's stack is at least 128 KiB then.
inline constexpr std::size_t kSmallStack = 64 * 1024;

inline void run_on_small_stack(std::function<void()> f) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, kSmallStack), 0);
  const auto start = [](void* function) -> void* {
    (*static_cast<std::function<void()>*>(function))();
    return nullptr;
  };
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, &attributes, start, &f), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
}

}  // namespace vow

#endif  // VOW_TEST_RELIABILITY_SCALE_H_
