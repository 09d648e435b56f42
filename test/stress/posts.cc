// Posts from other threads: posts [MILLIONS]. First to a loop that sleeps and wakes, from 1, 2, 8 and 64 threads; then to
// loops that are stopped and destroyed meanwhile. RELIABILITY 9, 10.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "loop/event_loop.h"
#include "test/stress/check.h"

namespace vow::stress {
namespace {

void to_a_loop_that_sleeps(int thread_count, long posts) {
  EventLoop loop;
  const long each = posts / thread_count;
  std::vector<long> next(static_cast<std::size_t>(thread_count));
  std::atomic<double> worst_delay = 0;
  long ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < thread_count; ++t) {
    threads.emplace_back([&, t, poster = loop.poster()] {
      std::minstd_rand random(static_cast<unsigned>(t + 1));
      for (long i = 0; i < each; ++i) {
        if (random() % 10'000 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
        const double posted = i % 64 == 0 ? seconds() : 0;
        VOW_STRESS_CHECK(poster.post([&, t, i, posted] {
          VOW_STRESS_CHECK(next[static_cast<std::size_t>(t)]++ == i);
          ++ran;
          if (posted != 0) worst_delay = std::max(worst_delay.load(), seconds() - posted);
        }));
      }
    });
  }
  const double start = seconds();
  VOW_STRESS_CHECK(loop.run().ok());
  const double took = seconds() - start;
  for (std::thread& thread : threads) thread.join();
  VOW_STRESS_CHECK(ran == each * thread_count);
  std::printf("%2d threads: %ld posts, each once and in order, %.0f ns each; the latest waited %.1f ms\n", thread_count,
              ran, took * 1e9 / static_cast<double>(ran), worst_delay * 1e3);
}

void to_loops_that_end(int rounds) {
  std::atomic<long> posted = 0, refused = 0, ran = 0, destroyed = 0;
  struct Capture {
    explicit Capture(std::atomic<long>& count) : count_(&count) {}
    Capture(Capture&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    ~Capture() {
      if (count_ != nullptr) ++*count_;
    }
    std::atomic<long>* count_;
  };
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::thread> threads;
    {
      EventLoop loop;
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, poster = loop.poster()] {
          while (true) {
            ++posted;
            if (poster.post([&, capture = Capture(destroyed)] { ++ran; })) continue;
            ++refused;
            return;
          }
        });
      }
      loop.call_later(absl::Microseconds(round % 200), [&] { loop.stop(); });
      VOW_STRESS_CHECK(loop.run_forever().ok());
    }
    for (std::thread& thread : threads) thread.join();
  }
  VOW_STRESS_CHECK(destroyed == posted);
  VOW_STRESS_CHECK(ran + refused <= posted);
  std::printf("%d loops that ended: %ld posts, %ld ran, %ld were refused, %ld went with the loop; all destroyed once\n",
              rounds, posted.load(), ran.load(), refused.load(), posted - ran - refused);
}

}  // namespace
}  // namespace vow::stress

int main(int argc, char** argv) {
  const double millions = argc > 1 ? std::atof(argv[1]) : 10;
  for (const int threads : {1, 2, 8, 64})
    vow::stress::to_a_loop_that_sleeps(threads, static_cast<long>(millions * 1e6));
  vow::stress::to_loops_that_end(static_cast<int>(millions * 1000));
}
