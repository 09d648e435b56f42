// Posting: from other threads, from the loop's own, and while the loop ends. Where threads are involved the clock is
// real; the loops wait for their posters, so nothing here waits for time.

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "test/support/log.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

// To be captured: counts the callbacks that are alive, over all threads.
class Counted {
 public:
  explicit Counted(std::atomic<int>& live) : live_(&live) { ++*live_; }
  Counted(Counted&& other) noexcept : live_(std::exchange(other.live_, nullptr)) {}
  Counted& operator=(Counted&&) = delete;
  ~Counted() {
    if (live_ == nullptr) return;
    --*live_;
    live_->notify_all();
  }

 private:
  std::atomic<int>* live_;
};

// Posts until the loop refuses; gives the number of callbacks that it accepted. Keeps to some at a time, for the loop
// may be slower.
template <class F>
int post_until_refused(const Poster& poster, std::atomic<int>& live, F f) {
  int accepted = 0;
  while (poster.post([f, counted = Counted(live)] { f(); })) {
    ++accepted;
    for (int waiting = live; waiting > 1000; waiting = live) live.wait(waiting);
  }
  return accepted;
}

class PostTest : public testing::Test {
 protected:
  void run() { EXPECT_EQ(loop.run(), absl::OkStatus()); }

  Log log;
  EventLoop loop;
};

TEST_F(PostTest, RunsOnTheLoopsThread) {
  std::thread::id ran_on;
  std::thread([&] { EXPECT_TRUE(loop.post([&] { ran_on = std::this_thread::get_id(); })); }).join();
  run();
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(PostTest, RunsInTheOrderOfPosting) {
  std::thread([&] {
    for (const char* word : {"a", "b", "c"}) loop.post(log.note(word));
  }).join();
  loop.post(log.note("d"));
  run();
  EXPECT_EQ(log.str(), "a b c d");
}

TEST_F(PostTest, TakesMoveOnlyCallbacks) {
  std::thread([&, number = std::make_unique<int>(7)]() mutable {
    loop.post([this, number = std::move(number)] { log.add(*number); });
  }).join();
  run();
  EXPECT_EQ(log.str(), "7");
}

// asyncio 56
TEST_F(PostTest, WakesASleepingLoop) {
  constexpr int kRounds = 1000;
  loop.call_later(absl::Hours(1), log.note("overslept"));
  std::atomic<int> answered = 0;
  std::thread thread([&, poster = loop.poster()] {
    // The loop has nothing else to do between two rounds, so most of them find it asleep.
    for (int round = 1; round <= kRounds; ++round) {
      poster.post([&] {
        ++answered;
        answered.notify_one();
      });
      answered.wait(round - 1);
    }
    poster.post([&] { loop.stop(); });
  });
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
  thread.join();
  EXPECT_EQ(log.str(), "");
}

TEST_F(PostTest, WakesALoopInVirtualTimeToo) {
  loop.close();
  EventLoop virtual_loop({.clock = Clock::kVirtual});
  std::atomic<int> answered = 0;
  std::thread thread([&, poster = virtual_loop.poster()] {
    for (int round = 1; round <= 100; ++round) {
      poster.post([&] {
        ++answered;
        answered.notify_one();
      });
      answered.wait(round - 1);
    }
  });
  EXPECT_EQ(virtual_loop.run(), absl::OkStatus());
  thread.join();
}

TEST_F(PostTest, RunsEachOnceAndKeepsTheOrderOfEachThread) {
  constexpr int kThreads = 8, kPosts = 5000;
  std::vector<int> next(kThreads);
  std::atomic<int> live = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread, poster = loop.poster()] {
      for (int i = 0; i < kPosts; ++i) {
        poster.post([&next, thread, i, counted = Counted(live)] {
          EXPECT_EQ(next[thread], i);
          next[thread] = i + 1;
        });
      }
    });
  }
  run();
  EXPECT_EQ(next, std::vector<int>(kThreads, kPosts));
  EXPECT_EQ(live, 0);
  for (std::thread& thread : threads) thread.join();
}

TEST_F(PostTest, RunsEachOnceBesideTimersAndCallSoons) {
  constexpr int kPosts = 10'000;
  int posts = 0, others = 0;
  std::thread thread([&posts, poster = loop.poster()] {
    for (int i = 0; i < kPosts; ++i) poster.post([&] { ++posts; });
  });
  std::function<void()> again = [&] {
    ++others;
    if (posts < kPosts) others % 2 == 0 ? loop.call_soon(again) : loop.call_later(absl::Nanoseconds(100), again);
  };
  again();
  run();
  EXPECT_EQ(posts, kPosts);
  thread.join();
}

TEST_F(PostTest, RunsWhatWasPostedBeforeTheRun) {
  std::thread([&] { loop.post(log.note("early")); }).join();
  EXPECT_EQ(loop.poll(), absl::OkStatus());
  EXPECT_EQ(log.str(), "early");
}

TEST_F(PostTest, KeepsWhatIsPostedToALoopThatIsStopped) {
  loop.stop();
  run();
  std::thread([&] { loop.post(log.note("late")); }).join();
  log.add("|");
  run();
  EXPECT_EQ(log.str(), "| late");
}

TEST_F(PostTest, DestroysACallbackOnTheLoopsThreadWhetherItRanOrNot) {
  struct Watch {
    explicit Watch(std::vector<std::thread::id>& threads) : destroyed_on(threads) {}
    ~Watch() { destroyed_on.push_back(std::this_thread::get_id()); }
    std::vector<std::thread::id>& destroyed_on;
  };
  std::vector<std::thread::id> destroyed_on;
  const auto post_elsewhere = [&] {
    std::thread([&] { loop.post([watch = std::make_unique<Watch>(destroyed_on)] {}); }).join();
  };
  post_elsewhere();
  run();
  post_elsewhere();
  loop.close();
  EXPECT_EQ(destroyed_on, std::vector<std::thread::id>(2, std::this_thread::get_id()));
}

using PostOnOwnThreadTest = LoopTest;

TEST_F(PostOnOwnThreadTest, ReturnsBeforeTheCallback) {
  loop.call_soon([&] {
    loop.post(log.note("inner"));
    log.add("outer");
  });
  run();
  EXPECT_EQ(log.str(), "outer inner");
}

TEST_F(PostOnOwnThreadTest, WaitsForALaterTurn) {
  loop.queue_microtask([&] { loop.post(log.note("by-micro")); });
  loop.call_later(absl::ZeroDuration(), [&] { loop.post(log.note("by-timer")); });
  loop.post([&] { loop.post(log.note("by-post")); });
  loop.call_soon([&] { loop.post(log.note("by-soon")); });
  poll();
  log.add("|");
  poll();
  EXPECT_EQ(log.str(), "| by-micro by-timer by-post by-soon");
}

// asyncio 57
TEST_F(PostOnOwnThreadTest, StarvesNobodyByPostingAgainAndAgain) {
  std::function<void()> again = [&] { loop.post(again); };
  again();
  loop.call_soon([&] { loop.call_later(absl::ZeroDuration(), [&] { loop.call_soon([&] { loop.stop(); }); }); });
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
}

using PosterTest = PostTest;

TEST_F(PosterTest, KeepsARunWaitingUntilItIsGone) {
  std::atomic<bool> loop_runs = false;
  bool gone = false;
  std::thread thread([&, poster = std::optional<Poster>(loop.poster())]() mutable {
    loop_runs.wait(false);
    poster->post(log.note("posted"));
    gone = true;
    poster.reset();
  });
  loop.call_soon([&] {
    loop_runs = true;
    loop_runs.notify_one();
  });
  run();
  EXPECT_TRUE(gone);
  EXPECT_EQ(log.str(), "posted");
  thread.join();
}

TEST_F(PosterTest, EndsTheRunByBeingDestroyedWhileTheLoopSleeps) {
  for (int round = 0; round < 200; ++round) {
    std::thread thread([poster = loop.poster()] {});
    run();
    thread.join();
  }
}

TEST_F(PosterTest, EndsTheRunOnItsOwnThreadToo) {
  std::optional<Poster> poster = loop.poster();
  loop.call_soon([&] { loop.call_soon([&] { poster.reset(); }); });
  run();
  EXPECT_FALSE(poster.has_value());
}

TEST_F(PosterTest, CountsItsCopiesAndNotWhatItWasMovedFrom) {
  std::optional<Poster> first = loop.poster();
  std::optional<Poster> copy = first;
  std::optional<Poster> moved = std::move(*first);
  EXPECT_TRUE(moved->post(log.note("moved")) && copy->post(log.note("copy")));
  moved.reset();
  EXPECT_FALSE(loop.is_stalled());
  copy.reset();
  run();  // Returns although `first` is still there.
  EXPECT_EQ(log.str(), "moved copy");
}

TEST_F(PosterTest, CountsOnlyForTheLoopThatItWasAssigned) {
  Poster poster = loop.poster();
  loop.close();
  EventLoop other;
  Poster of_other = other.poster();
  EXPECT_FALSE(other.is_stalled());
  of_other = poster;
  EXPECT_TRUE(other.is_stalled());
  EXPECT_FALSE(of_other.post(log.note("closed")));
}

TEST(PosterLifetimeTest, RefusesAndDestroysWhatComesAfterTheLoop) {
  Log log;
  std::optional<Poster> poster;
  {
    EventLoop loop;
    poster = loop.poster();
  }
  EXPECT_FALSE(poster->post([&log, alive = log.at_end("destroyed")] { log.add("ran"); }));
  EXPECT_EQ(log.str(), "destroyed");
  Poster copy = *poster;
  EXPECT_FALSE(copy.post([] {}));
}

TEST(PosterLifetimeTest, RefusesOnAnotherThreadWhatComesAfterTheLoop) {
  std::atomic<int> live = 0;
  std::optional<EventLoop> loop(std::in_place);
  std::atomic<bool> closed = false;
  std::thread thread([&, poster = loop->poster()] {
    closed.wait(false);
    EXPECT_FALSE(poster.post([counted = Counted(live)] {}));
    EXPECT_EQ(live, 0) << "destroyed at once, on this thread";
  });
  loop.reset();
  closed = true;
  closed.notify_one();
  thread.join();
}

TEST(PosterLifetimeTest, RefusesWhatADestructorPostsWhileTheLoopCloses) {
  std::atomic<int> live = 0;
  EventLoop loop;
  bool accepted = true;
  loop.post([alive = std::shared_ptr<void>(nullptr, [&, poster = loop.poster()](void*) {
               accepted = poster.post([counted = Counted(live)] {});
             })] {});
  loop.close();
  EXPECT_FALSE(accepted);
  EXPECT_EQ(live, 0);
}

TEST(PosterLifetimeTest, LosesNothingWhenTheLoopEndsMeanwhile) {
  for (int round = 0; round < 1000; ++round) {
    std::atomic<int> live = 0;
    std::atomic<bool> begun = false;
    int accepted = 0;  // The posting thread's.
    int ran = 0;       // The loop's.
    std::optional<EventLoop> loop(std::in_place);
    std::thread thread([&, poster = loop->poster()] {
      begun = true;
      begun.notify_one();
      accepted = post_until_refused(poster, live, [&] {
        if (++ran == 2) loop->stop();
      });
    });
    // Ends before the thread posts or as it begins, in the midst of its posts, or when the loop has run some.
    if (round % 3 == 1) begun.wait(false);
    if (round % 3 == 2) {
      EXPECT_EQ(loop->run_forever(), absl::OkStatus());
    }
    loop.reset();
    thread.join();
    ASSERT_EQ(live, 0) << "each callback is destroyed, run or not";
    ASSERT_LE(ran, accepted);
    ASSERT_GE(ran, round % 3 == 2 ? 2 : 0);
  }
}

TEST(PosterLifetimeTest, MayOutliveTheLoopInManyThreads) {
  std::atomic<int> live = 0;
  std::vector<std::thread> threads;
  {
    EventLoop loop;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&live, poster = loop.poster()] { post_until_refused(Poster(poster), live, [] {}); });
    }
    for (int i = 0; i < 100; ++i) EXPECT_EQ(loop.poll(), absl::OkStatus());
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(live, 0);
}

TEST(PosterLifetimeTest, ReachesEachOfTwoLoopsThatPostToOneAnother) {
  std::string here, there;
  EventLoop loop;
  std::optional<Poster> other;
  std::atomic<bool> ready = false;
  std::thread thread([&, back = std::optional<Poster>(loop.poster())]() mutable {
    EventLoop own;
    other = own.poster();
    ready = true;
    ready.notify_one();
    std::function<void()> pong = [&] {
      there += '.';
      if (there.size() == 100) return back.reset();
      back->post([&here, &other, &pong] {
        here += '.';
        other->post(pong);
      });
    };
    other->post(pong);
    EXPECT_EQ(own.run(), absl::OkStatus());
  });
  ready.wait(false);
  EXPECT_EQ(loop.run(), absl::OkStatus());
  other.reset();
  thread.join();
  EXPECT_EQ(here.size(), 99);
  EXPECT_EQ(there.size(), 100);
}

}  // namespace
}  // namespace vow
