// Timers at the ends of the range of numbers, and by the ten million.

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <iostream>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "absl/base/config.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "test/reliability/memory.h"

namespace vow {
namespace {

#if defined(ABSL_HAVE_ADDRESS_SANITIZER) || defined(ABSL_HAVE_THREAD_SANITIZER) || defined(ABSL_HAVE_MEMORY_SANITIZER)
constexpr std::uint32_t kMany = 1'000'000;
#else
constexpr std::uint32_t kMany = 10'000'000;
#endif

// The 4 MiB that a thread keeps for its next burst, the regions of 2 MiB that are in use in part, and as much again for what
// the allocator adds.
constexpr std::int64_t kFewBytes = 16 << 20;

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

class ExtremeTimersTest : public testing::Test {
 protected:
  void run() { EXPECT_EQ(loop.run(), absl::OkStatus()); }

  // What fired, as the number of nanoseconds it was set for.
  std::vector<std::int64_t> fired;
  EventLoop loop{LoopOptions{.clock = Clock::kVirtual}};
};

TEST_F(ExtremeTimersTest, FireInOrderAndNeverEarlyAfterAnyDelay) {
  const absl::Time start = loop.now();
  for (std::int64_t delay : {kMax, std::int64_t{1}, kMax - 1, kMin, std::int64_t{0}, std::int64_t{-1}, kMin + 1}) {
    loop.call_later(absl::Nanoseconds(delay), [this, start, delay] {
      EXPECT_GE(loop.now() - start, absl::Nanoseconds(delay));
      fired.push_back(delay);
    });
  }
  run();
  EXPECT_EQ(fired, (std::vector<std::int64_t>{kMin, kMin + 1, -1, 0, 1, kMax - 1}));
}

TEST_F(ExtremeTimersTest, FireInOrderAndNeverEarlyAtAnyTime) {
  for (std::int64_t time : {kMax, std::int64_t{1}, kMax - 1, kMin, std::int64_t{0}, std::int64_t{-1}, kMin + 1}) {
    loop.call_at(absl::FromUnixNanos(time), [this, time] {
      EXPECT_GE(loop.now(), absl::FromUnixNanos(time));
      fired.push_back(time);
    });
  }
  run();
  EXPECT_EQ(fired, (std::vector<std::int64_t>{kMin, kMin + 1, -1, 0, 1, kMax - 1}));
}

TEST_F(ExtremeTimersTest, NeitherWrapNorFireEarlyWhenTheClockIsFarOn) {
  static constexpr std::int64_t kFar = kMax / 4 * 3;
  constexpr std::int64_t kLeft = kMax - kFar;
  loop.call_at(absl::FromUnixNanos(kFar), [&] {
    for (std::int64_t delay : {kMax, kLeft, kLeft - 1, std::int64_t{1}, std::int64_t{0}, kMin}) {
      loop.call_later(absl::Nanoseconds(delay), [this, delay] {
        EXPECT_GE(loop.now(), absl::FromUnixNanos(kFar) + absl::Nanoseconds(delay));
        fired.push_back(delay);
      });
    }
  });
  run();
  EXPECT_EQ(fired, (std::vector<std::int64_t>{kMin, 0, 1, kLeft - 1}));
  EXPECT_EQ(loop.now(), absl::FromUnixNanos(kMax - 1));
}

TEST_F(ExtremeTimersTest, NeitherWrapNorFireEarlyByTheSystemClock) {
  loop.close();
  EventLoop real;
  real.call_soon([&] {
    for (std::int64_t delay : {kMax, std::int64_t{0}, kMax - 1, kMin, std::int64_t{-1}}) {
      real.call_later(absl::Nanoseconds(delay), [&, delay] { fired.push_back(delay); });
    }
    real.call_later(absl::Nanoseconds(1), [&] { real.stop(); });
  });
  EXPECT_EQ(real.run_forever(), absl::OkStatus());
  EXPECT_EQ(fired, (std::vector<std::int64_t>{kMin, -1, 0}));
}

// A fixed, well-mixed number for each timer, so that deadlines need not be stored to be known.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Within an hour: half of them at any nanosecond, half at a whole millisecond, where several meet.
std::int64_t delay_of(std::uint32_t timer) {
  const auto delay = static_cast<std::int64_t>(mix(timer) % 3'600'000'000'000);
  return timer % 2 == 0 ? delay : delay / 1'000'000 * 1'000'000;
}

// Fires timers that are known by their number, and sees to their order.
class Watch {
 public:
  explicit Watch(EventLoop& loop) : loop_(loop) {}

  Handle arm(std::uint32_t timer) { return loop_.call_later(absl::Nanoseconds(delay_of(timer)), Shot(*this, timer)); }

  std::uint32_t armed() const { return armed_; }  // Callbacks that are still there.
  std::uint32_t fired() const { return fired_; }
  std::uint32_t out_of_order() const { return out_of_order_; }

 private:
  class Shot {
   public:
    Shot(Watch& watch, std::uint32_t timer) : watch_(&watch), timer_(timer) { ++watch.armed_; }
    Shot(Shot&& other) noexcept : watch_(std::exchange(other.watch_, nullptr)), timer_(other.timer_) {}
    Shot& operator=(Shot&&) = delete;
    ~Shot() {
      if (watch_ != nullptr) --watch_->armed_;
    }
    void operator()() { watch_->fire(timer_); }

   private:
    Watch* watch_;
    std::uint32_t timer_;
  };

  void fire(std::uint32_t timer) {
    const std::pair<std::int64_t, std::uint32_t> place(delay_of(timer), timer);
    if (fired_ > 0 && place <= latest_) ++out_of_order_;
    latest_ = place;
    ++fired_;
  }

  EventLoop& loop_;
  std::pair<std::int64_t, std::uint32_t> latest_;
  std::uint32_t armed_ = 0;
  std::uint32_t fired_ = 0;
  std::uint32_t out_of_order_ = 0;
};

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Arms and fires timers 0 to count - 1; gives the CPU time it took.
double arm_and_fire(std::uint32_t count) {
  const double start = cpu_seconds();
  EventLoop loop({.clock = Clock::kVirtual});
  Watch watch(loop);
  for (std::uint32_t timer = 0; timer < count; ++timer) watch.arm(timer);
  EXPECT_EQ(loop.run(), absl::OkStatus());
  EXPECT_EQ(watch.fired(), count);
  EXPECT_EQ(watch.out_of_order(), 0);
  EXPECT_EQ(watch.armed(), 0);
  return cpu_seconds() - start;
}

TEST(ManyTimersTest, FireInTheOrderOfDeadlineAndSequence) {
  const double tenth = arm_and_fire(kMany / 10);
  const double all = arm_and_fire(kMany);
  // Only told: to test it would be to test how busy the machine is.
  std::cout << kMany << " timers: " << all << " s of CPU time, " << all / tenth << " times that of a tenth of them\n";
}

TEST(ManyTimersTest, GiveTheirMemoryBackWhenTheyAreCancelledAtRandomAndLeaveTheOthersInOrder) {
  constexpr std::uint32_t kKept = kMany / 10;
  EventLoop loop({.clock = Clock::kVirtual});
  Watch watch(loop);
  std::vector<Handle> handles;
  handles.reserve(kMany);
  const std::int64_t bytes_before = bytes_in_use();
  for (std::uint32_t timer = 0; timer < kMany - kKept; ++timer) handles.push_back(watch.arm(timer));
  // A slab is given back as a whole, so the ones to be kept are kept apart.
  for (std::uint32_t timer = kMany - kKept; timer < kMany; ++timer) watch.arm(timer);
  EXPECT_EQ(watch.armed(), kMany);
  const std::int64_t bytes_for_all = bytes_in_use() - bytes_before;

  std::shuffle(handles.begin(), handles.end(), std::mt19937(1));
  while (!handles.empty()) {
    ASSERT_TRUE(handles.back().cancel());
    handles.pop_back();
  }
  EXPECT_EQ(watch.armed(), kKept);
  EXPECT_LE(bytes_in_use() - bytes_before, bytes_for_all / 10 + kFewBytes);

  EXPECT_EQ(loop.run(), absl::OkStatus());
  EXPECT_EQ(watch.fired(), kKept);
  EXPECT_EQ(watch.out_of_order(), 0);
}

TEST(ManyTimersTest, GiveTheRoomBackThatTheyWereSortedIn) {
  EventLoop loop({.clock = Clock::kVirtual});
  const std::int64_t bytes_before = bytes_in_use();
  // What is past is due in one turn, the longest past first.
  for (std::uint32_t timer = 0; timer < kMany / 10; ++timer)
    loop.call_later(-absl::Nanoseconds(delay_of(timer)), [] {});
  EXPECT_EQ(loop.run(), absl::OkStatus());
  EXPECT_LE(bytes_in_use() - bytes_before, kFewBytes);
}

}  // namespace
}  // namespace vow
