// A callback that returns a promise lives until that has settled; and if it is a coroutine, until that has ended, even when
// it was cancelled, and goes on to clean up.

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/coroutine.h"
#include "promise/create_task.h"
#include "promise/map.h"
#include "promise/promise.h"
#include "promise/retry.h"
#include "promise/sleep.h"
#include "promise/task_group.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

// A callable whose captures are its own, and which says when they are destroyed. Its coroutine uses them to the end.
class Callback {
 public:
  Callback(Log& log, bool tidies) : log_(&log), tidies_(tidies), end_(log.at_end("~captures")) {}
  Callback(Callback&& other) = default;

  template <class... Arguments>
  Promise<> operator()(Arguments...) {
    const Log::AtEnd local = log_->at_end("~local");
    if (tidies_) {
      static_cast<void>(co_await sleep(absl::Seconds(1)).settled());
      log_->add("tidies");
    }
    co_await sleep(absl::Seconds(1));
    log_->add("done");
  }

 private:
  Log* log_;
  bool tidies_;
  Log::AtEnd end_;
};

enum class Via { kThen, kKeptThen, kCatch, kFinally, kAttempt, kCreateTask, kMap, kRetry };

class CallbackLifetimeTest : public LoopTest, public testing::WithParamInterface<Via> {
 protected:
  Promise<> call(Callback callback) {
    switch (GetParam()) {
      case Via::kThen:
        return resolve().then(std::move(callback));
      case Via::kKeptThen:
        return kept_.then(std::move(callback));
      case Via::kCatch:
        return reject(absl::NotFoundError("x")).catch_(std::move(callback));
      case Via::kFinally:
        return resolve().finally(std::move(callback));
      case Via::kAttempt:
        return attempt(std::move(callback));
      case Via::kCreateTask:
        return create_task(std::move(callback));
      case Via::kMap:
        return map(std::vector{1}, std::move(callback)).then([] {});
      case Via::kRetry:
        return retry({}, std::move(callback));
    }
    return kept_;
  }
  void begin() {
    poll();
    poll();
  }

 private:
  Promise<> kept_ = resolve();
};

TEST_P(CallbackLifetimeTest, LivesToTheEndOfItsCoroutine) {
  call(Callback(log, false));
  run();
  EXPECT_EQ(log.str(), "done ~local ~captures");
}

TEST_P(CallbackLifetimeTest, IsDestroyedAfterTheCoroutineThatIsCancelled) {
  Promise<> promise = call(Callback(log, false));
  begin();
  EXPECT_EQ(log.str(), "");
  promise.cancel();
  EXPECT_EQ(log.str(), "~local ~captures");
  run();
}

TEST_P(CallbackLifetimeTest, LivesOnWhileACancelledCoroutineCleansUp) {
  Promise<> promise = call(Callback(log, true));
  begin();
  promise.cancel();
  EXPECT_EQ(log.str(), "");
  run();
  EXPECT_EQ(log.str(), "tidies done ~local ~captures");
}

TEST_P(CallbackLifetimeTest, IsDestroyedWhenTheLoopClosesInBetween) {
  Promise<> promise = call(Callback(log, true));
  begin();
  promise.cancel();
  loop.close();
  EXPECT_EQ(log.str(), "~local ~captures");
}

INSTANTIATE_TEST_SUITE_P(All, CallbackLifetimeTest,
                         testing::Values(Via::kThen, Via::kKeptThen, Via::kCatch, Via::kFinally, Via::kAttempt,
                                         Via::kCreateTask, Via::kMap, Via::kRetry));

using CallbackLifetimeInGroupTest = LoopTest;

TEST_F(CallbackLifetimeInGroupTest, IsDestroyedAfterTheCoroutineThatTheGroupEnds) {
  {
    TaskGroup group;
    group.spawn(Callback(log, true));
    poll();
    poll();
  }
  EXPECT_EQ(log.str(), "~local ~captures");
  run();
}

TEST_F(CallbackLifetimeInGroupTest, IsDestroyedAfterTheCoroutineThatWasCleaningUp) {
  {
    TaskGroup group;
    group.spawn(Callback(log, true));
    poll();
    poll();
    group.cancel();
    poll();
    EXPECT_EQ(log.str(), "tidies");
  }
  EXPECT_EQ(log.str(), "tidies ~local ~captures");
  run();
}

using CallbackLifetimeMapTest = LoopTest;

TEST_F(CallbackLifetimeMapTest, LivesUntilTheLastOfItsCoroutinesHasEnded) {
  Promise<> promise = map(std::vector{1, 2, 3}, Callback(log, true)).then([] {});
  promise.cancel();
  run();
  EXPECT_EQ(log.str(), "tidies tidies tidies done ~local done ~local done ~local ~captures");
}

}  // namespace
}  // namespace vow
