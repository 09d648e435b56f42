#include "loop/fatal.h"

#include <sys/resource.h>

#include <cstdlib>
#include <memory>
#include <ostream>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"

namespace vow {
namespace {

// The beginning of the report of a mistake: where the call stands in this file, and which it is.
std::string report(int line, const std::string& mistake) {
  return "fatal_test\\.cc:" + std::to_string(line) + ": vow: " + mistake;
}

struct Call {
  const char* name;
  int line;
  void (*make)(EventLoop&);
};

void PrintTo(const Call& call, std::ostream* out) { *out << call.name; }

// Each on one line, for the report names the line.
const Call kCalls[] = {
    {"call_soon", __LINE__, [](EventLoop& loop) { loop.call_soon([] {}); }},
    {"call_later", __LINE__, [](EventLoop& loop) { loop.call_later(absl::Seconds(1), [] {}); }},
    {"call_at", __LINE__, [](EventLoop& loop) { loop.call_at(absl::UnixEpoch(), [] {}); }},
    {"queue_microtask", __LINE__, [](EventLoop& loop) { loop.queue_microtask([] {}); }},
    {"run", __LINE__, [](EventLoop& loop) { loop.run().IgnoreError(); }},
    {"run_forever", __LINE__, [](EventLoop& loop) { loop.run_forever().IgnoreError(); }},
    {"poll", __LINE__, [](EventLoop& loop) { loop.poll().IgnoreError(); }},
    {"stop", __LINE__, [](EventLoop& loop) { loop.stop(); }},
    {"now", __LINE__, [](EventLoop& loop) { loop.now(); }},
    {"is_stalled", __LINE__, [](EventLoop& loop) { static_cast<void>(loop.is_stalled()); }},
};
const Call kClose = {"close", __LINE__, [](EventLoop& loop) { loop.close(); }};

class EventLoopDeathTest : public testing::TestWithParam<Call> {
 protected:
  EventLoopDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

using WrongThreadDeathTest = EventLoopDeathTest;

// asyncio 20
TEST_P(WrongThreadDeathTest, NamesTheCallAndItsPlace) {
  const std::string message = report(GetParam().line, std::string(GetParam().name) + "\\(\\) from another thread");
  EXPECT_DEATH(
      {
        EventLoop loop({.clock = Clock::kVirtual});
        std::thread([&] { GetParam().make(loop); }).join();
      },
      message);
}

TEST_P(WrongThreadDeathTest, IsNotedOnAThreadThatHasALoopOfItsOwn) {
  const std::string message = report(GetParam().line, std::string(GetParam().name) + "\\(\\) from another thread");
  EXPECT_DEATH(
      {
        EventLoop loop({.clock = Clock::kVirtual});
        std::thread([&] {
          EventLoop own;
          GetParam().make(loop);
        }).join();
      },
      message);
}

INSTANTIATE_TEST_SUITE_P(Calls, WrongThreadDeathTest, testing::ValuesIn(kCalls));
INSTANTIATE_TEST_SUITE_P(Close, WrongThreadDeathTest, testing::Values(kClose));

using ClosedLoopDeathTest = EventLoopDeathTest;

// asyncio 34
TEST_P(ClosedLoopDeathTest, NamesTheCallAndItsPlace) {
  EventLoop loop;
  loop.close();
  EXPECT_DEATH(GetParam().make(loop),
               report(GetParam().line, std::string(GetParam().name) + "\\(\\) on a closed event loop"));
}

INSTANTIATE_TEST_SUITE_P(Calls, ClosedLoopDeathTest, testing::ValuesIn(kCalls));

class LoopMistakeDeathTest : public testing::Test {
 protected:
  LoopMistakeDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// asyncio 33
TEST_F(LoopMistakeDeathTest, IsToCloseARunningLoop) {
  EventLoop loop;
  constexpr int kLine = __LINE__ + 1;
  loop.call_soon([&] { loop.close(); });
  EXPECT_DEATH(loop.run().IgnoreError(), report(kLine, "close\\(\\) of a running event loop"));
}

TEST_F(LoopMistakeDeathTest, IsToDestroyARunningLoop) {
  auto loop = std::make_unique<EventLoop>();
  loop->call_soon([&] { loop.reset(); });
  EXPECT_DEATH(loop->run().IgnoreError(), "a running event loop");
}

TEST_F(LoopMistakeDeathTest, IsToDestroyALoopOnAnotherThread) {
  EXPECT_DEATH(
      {
        auto loop = std::make_unique<EventLoop>();
        std::thread([&] { loop.reset(); }).join();
      },
      "from another thread than the event loop's");
}

TEST_F(LoopMistakeDeathTest, IsASecondLoopOnOneThread) {
  EventLoop loop;
  EXPECT_DEATH(EventLoop second, report(__LINE__, "an event loop is made on a thread that has one"));
}

// asyncio 26
TEST_F(LoopMistakeDeathTest, IsASecondLoopInsideACallback) {
  EventLoop loop;
  loop.call_soon([] { EventLoop second; });
  EXPECT_DEATH(loop.run().IgnoreError(), report(__LINE__ - 1, "an event loop is made on a thread that has one"));
}

TEST_F(LoopMistakeDeathTest, IsToAskForTheCurrentLoopWhereThereIsNone) {
  EXPECT_DEATH(EventLoop::current(), report(__LINE__, "this thread has no event loop"));
}

TEST_F(LoopMistakeDeathTest, IsToCancelFromAnotherThread) {
  constexpr int kLine = __LINE__ + 4;
  const auto cancel_elsewhere = [] {
    EventLoop loop;
    Handle handle = loop.call_soon([] {});
    std::thread([&] { handle.cancel(); }).join();
  };
  EXPECT_DEATH(cancel_elsewhere(), report(kLine, "cancel\\(\\) from another thread"));
}

TEST_F(LoopMistakeDeathTest, IsToCancelFromAThreadWithALoopOfItsOwn) {
  EXPECT_DEATH(
      {
        EventLoop loop;
        Handle handle = loop.call_later(absl::Hours(1), [] {});
        std::thread([&] {
          EventLoop own;
          handle.cancel();
        }).join();
      },
      "cancel\\(\\) from another thread");
}

TEST_F(LoopMistakeDeathTest, IsToNeedALoopWhereNoFilesAreLeft) {
  const auto make_loop = [] {
    { EventLoop first; }  // UBSan makes a pipe when it meets a class for the first time.
    const rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    setrlimit(RLIMIT_NOFILE, &none);
    EventLoop loop;
  };
  EXPECT_DEATH(make_loop(), "vow: cannot make an event loop: .*Too many open files");
}

// A destructor that closes the loop which is destroying it must not pull the ground from under it.
TEST_F(LoopMistakeDeathTest, IsNotToCloseWhileClosing) {
  const auto close_twice = [] {
    EventLoop loop;
    loop.call_soon([alive = std::shared_ptr<void>(nullptr, [&](void*) { loop.close(); })] {});
    loop.call_later(absl::Hours(1), [] {});
    loop.close();
    std::exit(loop.is_closed() ? 0 : 1);
  };
  EXPECT_EXIT(close_twice(), testing::ExitedWithCode(0), "");
}

#ifdef __cpp_exceptions
TEST_F(LoopMistakeDeathTest, IsACallbackThatThrows) {
  EventLoop loop({.clock = Clock::kVirtual});
  const auto runs = [&](auto enqueue) {
    enqueue([] { throw "thrown by a callback"; });
    loop.run().IgnoreError();
  };
  EXPECT_DEATH(runs([&](auto f) { loop.call_soon(f); }), "terminate");
  EXPECT_DEATH(runs([&](auto f) { loop.call_later(absl::Seconds(1), f); }), "terminate");
  EXPECT_DEATH(runs([&](auto f) { loop.queue_microtask(f); }), "terminate");
  EXPECT_DEATH(runs([&](auto f) { loop.post(f); }), "terminate");
}
#endif

}  // namespace
}  // namespace vow
