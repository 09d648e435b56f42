// to_thread, RemoteDeferred: what runs on which thread, and what becomes of it when nobody wants it any more.

#include "promise/thread.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "promise/with_timeout.h"
#include "test/support/log.h"

namespace vow {
namespace {

using absl::StatusCode;

// Opened once; who waits before that waits until then.
class Gate {
 public:
  void open() {
    std::lock_guard lock(mutex_);
    is_open_ = true;
    opened_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [&] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool is_open_ = false;
};

// Notes the thread that destroys it.
class Witness {
 public:
  explicit Witness(std::thread::id& destroyed_on) : destroyed_on_(&destroyed_on) {}
  Witness(Witness&& other) noexcept : destroyed_on_(std::exchange(other.destroyed_on_, nullptr)) {}
  Witness& operator=(Witness&&) = delete;
  ~Witness() {
    if (destroyed_on_ != nullptr) *destroyed_on_ = std::this_thread::get_id();
  }

 private:
  std::thread::id* destroyed_on_;
};

class ThreadTest : public testing::Test {
 protected:
  template <class T>
  auto outcome(Promise<T> promise) {
    return run_until_complete(loop, std::move(promise));
  }
  // So many calls that none of the pool's threads is left.
  std::vector<Promise<>> occupy(Gate& gate) {
    std::vector<Promise<>> calls;
    for (int i = 0; i < 40; ++i) calls.push_back(to_thread([&gate] { gate.wait(); }));
    return calls;
  }

  const std::thread::id here = std::this_thread::get_id();
  EventLoop loop;
};

// asyncio 64
TEST_F(ThreadTest, RunsElsewhereAndGivesTheResultHere) {
  Promise<std::thread::id> ran_on = to_thread([] { return std::this_thread::get_id(); });
  Promise<> checked = std::move(ran_on).then([&](std::thread::id id) {
    EXPECT_NE(id, here);
    EXPECT_EQ(std::this_thread::get_id(), here);
  });
  EXPECT_EQ(outcome(std::move(checked)), absl::OkStatus());
}

// asyncio 61
TEST_F(ThreadTest, GivesValuesNothingStatusesAndErrors) {
  EXPECT_EQ(*outcome(to_thread([] { return 5; })), 5);
  EXPECT_EQ(outcome(to_thread([] {})), absl::OkStatus());
  EXPECT_EQ(outcome(to_thread([] { return absl::NotFoundError("x"); })), absl::NotFoundError("x"));
  EXPECT_EQ(*outcome(to_thread([]() -> absl::StatusOr<int> { return 6; })), 6);
  EXPECT_EQ(outcome(to_thread([]() -> absl::StatusOr<int> { return absl::NotFoundError("y"); })).status(),
            absl::NotFoundError("y"));
  EXPECT_EQ(**outcome(to_thread([p = std::make_unique<int>(7)]() mutable { return std::move(p); })), 7);
}

#ifdef __cpp_exceptions
TEST_F(ThreadTest, TakesWhatIsThrownForAnError) {
  const absl::Status status = outcome(to_thread([] { throw std::runtime_error("boo"); }));
  EXPECT_EQ(status.code(), StatusCode::kUnknown);
  EXPECT_NE(status.message().find("boo"), std::string::npos);
}
#endif

// asyncio 65
TEST_F(ThreadTest, RunsSeveralAtOnceAndKeepsTheOrderOfResultsByPromise) {
  std::atomic<int> arrived = 0;
  Gate all_there;
  std::vector<Promise<int>> calls;
  for (int i = 0; i < 4; ++i) {
    calls.push_back(to_thread([&, i] {
      if (++arrived == 4) all_there.open();
      all_there.wait();
      return i;
    }));
  }
  EXPECT_EQ(*outcome(when_all(calls)), (std::vector<int>{0, 1, 2, 3}));
}

TEST_F(ThreadTest, MoreThanThereAreThreadsWait) {
  std::atomic<int> running = 0, most = 0, ran = 0;
  std::vector<Promise<>> calls;
  for (int i = 0; i < 500; ++i) {
    calls.push_back(to_thread([&] {
      const int now = ++running;
      for (int before = most; before < now && !most.compare_exchange_weak(before, now);) continue;
      ++ran;
      --running;
    }));
  }
  EXPECT_EQ(outcome(when_all(calls)), absl::OkStatus());
  EXPECT_EQ(ran, 500);
  EXPECT_LE(most, 32);
}

TEST_F(ThreadTest, CapturesAndResultAreDestroyedHere) {
  std::thread::id captures, result;
  EXPECT_EQ(outcome(to_thread([witness = Witness(captures), &result] {
                      return std::make_unique<Witness>(result);
                    }).then([](const std::unique_ptr<Witness>&) {})),
            absl::OkStatus());
  EXPECT_EQ(captures, here);
  EXPECT_EQ(result, here);
}

// asyncio 64
TEST_F(ThreadTest, CancelledBeforeItHasBegunItIsNeverCalled) {
  Gate gate;
  const std::vector<Promise<>> others = occupy(gate);
  std::thread::id captures;
  Promise<> late = to_thread([witness = Witness(captures)] { ADD_FAILURE(); });
  EXPECT_TRUE(late.cancel());
  EXPECT_EQ(captures, here);
  gate.open();
  EXPECT_EQ(outcome(std::move(late)).code(), StatusCode::kCancelled);
  EXPECT_EQ(outcome(when_all(others)), absl::OkStatus());
}

TEST_F(ThreadTest, CancelledLaterItGoesOnUnheard) {
  Gate begun, gate;
  std::thread::id captures, result;
  Promise<std::unique_ptr<Witness>> call = to_thread([&, witness = Witness(captures)] {
    begun.open();
    gate.wait();
    return std::make_unique<Witness>(result);
  });
  begun.wait();
  EXPECT_TRUE(call.cancel());
  EXPECT_EQ(outcome(std::move(call)).status().code(), StatusCode::kCancelled);
  EXPECT_FALSE(loop.is_stalled());
  gate.open();
  EXPECT_EQ(loop.run(), absl::OkStatus());
  EXPECT_EQ(captures, here);
  EXPECT_EQ(result, here);
}

// asyncio 62
TEST_F(ThreadTest, CanTimeOut) {
  Gate gate;
  EXPECT_EQ(outcome(with_timeout(to_thread([&] { gate.wait(); }), absl::Milliseconds(1))).code(),
            StatusCode::kDeadlineExceeded);
  gate.open();
  EXPECT_EQ(loop.run(), absl::OkStatus());  // Until its thread has left the gate.
}

TEST_F(ThreadTest, ALoopThatClosesWaitsForWhatHasBegunAndDropsTheRest) {
  Gate gate;
  std::atomic<int> begun = 0, ended = 0;
  std::vector<Promise<>> calls;
  for (int i = 0; i < 100; ++i) {
    calls.push_back(to_thread([&] {
      if (++begun == 2) gate.open();
      gate.wait();
      ++ended;
    }));
  }
  gate.wait();
  loop.close();
  EXPECT_EQ(begun, ended);
  for (const Promise<>& call : calls) EXPECT_TRUE(call.is_rejected());
}

TEST(ThreadStressTest, LoopsThatCloseWhileCallsAreUnderWay) {
  for (int i = 0; i < 1000; ++i) {
    EventLoop loop;
    int value = 0;
    for (int k = 0; k < 4; ++k) to_thread([] { return 1; }).then([&](int one) { value += one; });
    if (i % 2 == 0) {
      EXPECT_EQ(loop.poll(), absl::OkStatus());
    }
  }
}

// RemoteDeferred.

TEST_F(ThreadTest, ARemoteDeferredIsResolvedFromAnotherThread) {
  RemoteDeferred<std::string> remote;
  Promise<std::string> promise = remote.promise();
  std::thread other([remote = std::move(remote)]() mutable { EXPECT_TRUE(remote.resolve("hello")); });
  EXPECT_EQ(*outcome(std::move(promise)), "hello");
  other.join();
}

TEST_F(ThreadTest, ARemoteDeferredIsRejectedFromAnotherThread) {
  RemoteDeferred<> remote;
  Promise<> promise = remote.promise();
  std::thread other([remote = std::move(remote)]() mutable { EXPECT_TRUE(remote.reject(absl::NotFoundError("x"))); });
  EXPECT_EQ(outcome(std::move(promise)), absl::NotFoundError("x"));
  other.join();
}

TEST_F(ThreadTest, ARemoteDeferredTakesStatusesAndNothing) {
  RemoteDeferred<int> by_status_or;
  RemoteDeferred<> by_nothing, by_status;
  Promise<int> first = by_status_or.promise();
  Promise<> second = by_nothing.promise();
  Promise<absl::Status> third = by_status.promise().settled();
  EXPECT_TRUE(by_status_or.resolve(absl::StatusOr<int>(5)));
  EXPECT_TRUE(by_nothing.resolve());
  EXPECT_TRUE(by_status.resolve(absl::NotFoundError("x")));
  EXPECT_EQ(*outcome(std::move(first)), 5);
  EXPECT_EQ(outcome(std::move(second)), absl::OkStatus());
  EXPECT_EQ(*outcome(std::move(third)), absl::NotFoundError("x"));
}

TEST_F(ThreadTest, TheFirstSettlementCounts) {
  RemoteDeferred<int> remote;
  Promise<int> promise = remote.promise();
  EXPECT_TRUE(remote.resolve(1));
  EXPECT_FALSE(remote.resolve(2));
  EXPECT_FALSE(remote.reject(absl::NotFoundError("x")));
  EXPECT_EQ(*outcome(std::move(promise)), 1);
}

// asyncio 63
TEST_F(ThreadTest, ARemoteDeferredThatIsDroppedRejects) {
  RemoteDeferred<> remote;
  Promise<> promise = remote.promise();
  std::thread([remote = std::move(remote)] {}).join();
  const absl::Status status = outcome(std::move(promise));
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_NE(status.message().find("broken promise"), std::string::npos) << status;
}

TEST_F(ThreadTest, ARemoteDeferredKeepsTheLoopWaiting) {
  RemoteDeferred<> remote;
  remote.promise().catch_([] {});
  EXPECT_FALSE(loop.is_stalled());
  EXPECT_TRUE(remote.resolve());
  EXPECT_EQ(loop.run(), absl::OkStatus());
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(ThreadTest, ARemoteDeferredMayOutliveItsLoop) {
  std::thread::id destroyed_on;
  RemoteDeferred<std::unique_ptr<Witness>> remote;
  const Promise<std::unique_ptr<Witness>> promise = remote.promise();
  loop.close();
  EXPECT_TRUE(promise.is_rejected());
  std::thread other([remote = std::move(remote), &destroyed_on]() mutable {
    EXPECT_FALSE(remote.resolve(std::make_unique<Witness>(destroyed_on)));
  });
  const std::thread::id id = other.get_id();
  other.join();
  EXPECT_EQ(destroyed_on, id);
}

TEST(ThreadStressTest, RemoteDeferredsAgainstLoopsThatClose) {
  for (int i = 0; i < 1000; ++i) {
    EventLoop loop;
    RemoteDeferred<int> remote;
    remote.promise().then([](int) {}, [](absl::Status) {});
    std::thread other([remote = std::move(remote)]() mutable { remote.resolve(1); });
    if (i % 2 == 0) {
      EXPECT_EQ(loop.poll(), absl::OkStatus());
    }
    loop.close();
    other.join();
  }
}

}  // namespace
}  // namespace vow
