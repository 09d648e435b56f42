// Whoever runs the loop from inside of it is refused, FailedPrecondition, wherever that is, and the run that is under
// way goes on as if nothing had been. From a destructor that no run calls, the loop may be run.
//
// For the loop's own callbacks see test/loop/event_loop_run_test.cc. To run another loop is no case of its own: a
// thread has one, and whoever touches that of another thread ends the program (test/loop/fatal_test.cc).

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "loop/source_location.h"
#include "promise/map.h"
#include "promise/promise.h"
#include "promise/retry.h"
#include "promise/run.h"
#include "promise/sleep.h"
#include "promise/unhandled_rejection.h"
#include "promise/when_all.h"
#include "test/support/log.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

absl::Status error() { return absl::UnavailableError("e"); }

struct Call {
  const char* name;
  absl::Status (*call)();
};

const Call kCalls[] = {
    {"Run", [] { return EventLoop::current().run(); }},
    {"RunForever", [] { return EventLoop::current().run_forever(); }},
    {"Poll", [] { return EventLoop::current().poll(); }},
    {"RunUntilCompleteOfAPendingPromise",
     [] { return run_until_complete(EventLoop::current(), sleep(absl::Seconds(1))); }},
    {"RunUntilCompleteOfASettledPromise", [] { return run_until_complete(EventLoop::current(), resolve()); }},
    {"RunOfAProgram",
     [] { return vow::run([] { ADD_FAILURE() << "must not be called"; }, {.clock = Clock::kVirtual}); }},
};

// What makes the call, wherever that is.
class Inner {
 public:
  Inner(Log& log, absl::Status (*call)()) : log_(&log), call_(call) {}
  void operator()() const { log_->add(absl::StatusCodeToString(call_().code())); }

  // To be captured: makes the call when it is destroyed.
  auto at_end() const {
    return std::shared_ptr<void>(nullptr, [inner = *this](void*) { inner(); });
  }

 private:
  Log* log_;
  absl::Status (*call_)();
};

struct Site {
  const char* name;
  void (*arm)(const Inner& inner);
};

const Site kSites[] = {
    {"Then", [](const Inner& inner) { resolve().then(inner); }},
    {"ThenReturningPromise",
     [](const Inner& inner) {
       resolve().then([inner] {
         inner();
         return sleep(absl::Seconds(1));
       });
     }},
    {"Catch", [](const Inner& inner) { reject(error()).catch_(inner); }},
    {"Finally", [](const Inner& inner) { resolve().finally(inner); }},
    {"OnCancel",
     [](const Inner& inner) {
       Deferred<> d;
       d.on_cancel(inner);
       d.promise().cancel();
     }},
    {"FunctionOfMap",
     [](const Inner& inner) { resolve().then([inner] { return map(std::vector{1}, [inner](int) { inner(); }); }); }},
    {"FunctionOfRetry", [](const Inner& inner) { resolve().then([inner] { return retry({}, inner); }); }},
    {"Executor",
     [](const Inner& inner) {
       resolve().then([inner] { return make_promise([&](Deferred<> d) { inner(), d.resolve(); }); });
     }},
    {"HandlerOfUnhandledRejections",
     [](const Inner& inner) {
       on_unhandled_rejection([inner](const absl::Status&, SourceLocation) { inner(); });
       reject(error());
     }},
    {"CapturesOfACallbackThatRan", [](const Inner& inner) { resolve().then([end = inner.at_end()] {}); }},
    {"CapturesOfACallbackThatReturnedAPromise",
     [](const Inner& inner) { resolve().then([end = inner.at_end()] { return resolve(); }); }},
    {"CapturesOfACallbackThatAnErrorPassesBy",
     [](const Inner& inner) { reject(error()).then([end = inner.at_end()] {}).catch_([] {}); }},
    {"CapturesOfACancelledCallback",
     [](const Inner& inner) {
       Promise<> p = sleep(absl::Hours(1)).then([end = inner.at_end()] {});
       resolve().then([p] { p.cancel(); });
     }},
    {"CapturesOfAnUnwantedInput",
     [](const Inner& inner) {
       Promise<> p = sleep(absl::Hours(1)).then([end = inner.at_end()] {});
       Promise<> failing = resolve().then(error);
       when_all({std::move(p), std::move(failing)}).catch_([] {});
     }},
    {"CapturesOfAHookThatIsNotNeeded",
     [](const Inner& inner) {
       auto d = std::make_shared<Deferred<>>();
       d->on_cancel([end = inner.at_end()] {});
       resolve().then([d] { d->resolve(); });
     }},
    {"CapturesOfACancelledTimer",
     [](const Inner& inner) {
       Handle timer = EventLoop::current().call_later(absl::Hours(1), [end = inner.at_end()] {});
       resolve().then([timer]() mutable { timer.cancel(); });
     }},
    {"Value", [](const Inner& inner) { resolve(inner.at_end()).then([](const std::shared_ptr<void>&) {}); }},
};

using Place = std::tuple<Site, Call>;

class ReentryTest : public LoopTest, public testing::WithParamInterface<Place> {
 protected:
  ~ReentryTest() override { on_unhandled_rejection(nullptr); }
};

TEST_P(ReentryTest, IsRefusedAndTheOuterRunGoesOn) {
  const auto& [site, call] = GetParam();
  site.arm(Inner(log, call.call));
  EXPECT_EQ(log.str(), "");
  resolve().then([] {}).then([] {}).then([&] { loop.call_soon(log.note("soon")); });
  sleep(absl::Hours(2)).then(log.note("later"));
  run();
  EXPECT_EQ(log.str(), "FAILED_PRECONDITION soon later");
}

TEST_P(ReentryTest, IsRefusedInsideOfRunUntilComplete) {
  const auto& [site, call] = GetParam();
  site.arm(Inner(log, call.call));
  EXPECT_EQ(run_until_complete(loop, sleep(absl::Hours(2)).then(log.note("later"))), absl::OkStatus());
  EXPECT_EQ(log.str(), "FAILED_PRECONDITION later");
}

std::string name_of(const testing::TestParamInfo<Place>& test) {
  const auto& [site, call] = test.param;
  return std::string(site.name) + "_" + call.name;
}

INSTANTIATE_TEST_SUITE_P(Places, ReentryTest, testing::Combine(testing::ValuesIn(kSites), testing::ValuesIn(kCalls)),
                         name_of);

class DestructorTest : public LoopTest, public testing::WithParamInterface<Call> {
 protected:
  Inner inner() { return Inner(log, GetParam().call); }
};

TEST_P(DestructorTest, IsRefusedWhileTheLoopCloses) {
  loop.call_soon([end = inner().at_end()] {});
  loop.call_later(absl::Hours(1), log.note("timer"));
  resolve().then(log.note("then"));
  loop.close();
  EXPECT_EQ(log.str(), "FAILED_PRECONDITION");
}

TEST_P(DestructorTest, IsRefusedWhenTheClosingLoopDropsAPromise) {
  sleep(absl::Hours(1)).then([end = inner().at_end()] {}).then(log.note("then"));
  loop.close();
  EXPECT_EQ(log.str(), "FAILED_PRECONDITION");
}

INSTANTIATE_TEST_SUITE_P(Calls, DestructorTest, testing::ValuesIn(kCalls),
                         [](const testing::TestParamInfo<Call>& test) { return test.param.name; });

// Outside of any run.
class OutsideTest : public LoopTest {
 protected:
  auto runs_at_end() {
    resolve().then(log.note("microtask"));
    return Inner(log, [] { return EventLoop::current().run(); }).at_end();
  }
};

TEST_F(OutsideTest, TheDestructorOfACancelledCallbackMayRunTheLoop) {
  Promise<> p = sleep(absl::Hours(1)).then([end = runs_at_end()] {});
  p.then(log.note("then"), log.note("consumer"));
  EXPECT_TRUE(p.cancel());
  EXPECT_EQ(log.str(), "microtask consumer OK");
}

TEST_F(OutsideTest, TheDestructorsOfACancelledChainMayEachRunTheLoop) {
  Promise<> p = sleep(absl::Hours(1))
                    .then([end = runs_at_end()] {})
                    .finally([end = runs_at_end()] {})
                    .then([end = runs_at_end()] {});
  EXPECT_TRUE(p.cancel());
  EXPECT_EQ(log.str(), "microtask microtask microtask OK OK OK");
  EXPECT_EQ(p.status().code(), absl::StatusCode::kCancelled);
}

TEST_F(OutsideTest, TheDestructorOfAHookMayRunTheLoop) {
  Deferred<> d;
  d.on_cancel([end = runs_at_end()] {});
  d.promise().then(log.note("consumer"));
  EXPECT_TRUE(d.resolve());
  EXPECT_EQ(log.str(), "microtask consumer OK");
}

TEST_F(OutsideTest, TheDestructorOfAHookMayRunTheLoopWhenItsDeferredIsDropped) {
  std::optional<Deferred<>> d(std::in_place);
  d->on_cancel([end = runs_at_end()] {});
  d->promise().then(log.note("then"), log.note("consumer"));
  d.reset();
  EXPECT_EQ(log.str(), "microtask consumer OK");
}

TEST_F(OutsideTest, TheDestructorOfACancelledTimerMayRunTheLoop) {
  loop.call_later(absl::Hours(1), [end = runs_at_end()] {}).cancel();
  EXPECT_EQ(log.str(), "microtask OK");
}

TEST_F(OutsideTest, TheDestructorOfAValueMayRunTheLoop) {
  std::optional<Promise<std::shared_ptr<void>>> p = resolve(runs_at_end());
  p.reset();
  EXPECT_EQ(log.str(), "microtask OK");
}

// What a callback throws is tested in test/promise/exceptions_test.cc. Destructors are another matter: those of
// captures and values must not throw, as anywhere in C++, where they are noexcept unless they say otherwise. And nobody
// is there to hear what a hook throws. Both end the program.
#ifdef __cpp_exceptions
class ThrowsAtEnd {
 public:
  ThrowsAtEnd() = default;
  ThrowsAtEnd(ThrowsAtEnd&& other) noexcept : armed_(std::exchange(other.armed_, false)) {}
  ~ThrowsAtEnd() noexcept(false) {
    if (armed_) throw error();
  }

 private:
  bool armed_ = true;
};

class ThrowDeathTest : public LoopTest {
 protected:
  ThrowDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(ThrowDeathTest, FromTheDestructorOfACallback) {
  const auto throws = [&] {
    resolve().then([end = ThrowsAtEnd()] {});
    loop.run().IgnoreError();
  };
  EXPECT_DEATH(throws(), "terminate");
}

TEST_F(ThrowDeathTest, FromAHook) {
  const auto throws = [&] {
    Deferred<> d;
    d.on_cancel([] { throw error(); });
    d.promise().cancel();
    loop.run().IgnoreError();
  };
  EXPECT_DEATH(throws(), "terminate");
}
#endif

}  // namespace
}  // namespace vow
