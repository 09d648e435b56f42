// Callbacks that destroy what they are part of: every kind of callback, whatever it destroys, however it ends.
//
// A cell is one test: Cells/DestructionTest.EndsAsDocumented/Then_ItsDeferred_Throws. Around each callback stands
// the same family, and every member of it says what becomes of it:
//
//   deferred ─▶ previous ─┬─ own ── next       own is the promise of the callback; or, if that is the loop's, the
//                         └─ sibling           promise of a `then` that hears of what the callback resolves
//
// What is documented, and so expected:
//
//   - to drop a handle of a promise changes nothing: everything runs as if it were held;
//   - to drop a Deferred that has settled, or was cancelled, changes nothing either; before that it breaks its promise,
//     from which all of them hear, in the usual order;
//   - a callback that cancels its own promise decides that: what it returns or throws afterwards is ignored; but an error
//     that a coroutine ends with is reported;
//   - a cancelled timer does not fire;
//   - the captures of a callback live until it has returned, whoever else it destroys; unless it destroys them itself.

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <functional>
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
#include "promise/coroutine.h"
#include "promise/map.h"
#include "promise/promise.h"
#include "promise/unhandled_rejection.h"
#include "test/support/log.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

enum class End { kReturns, kFails, kThrows };

absl::Status failure() { return absl::DataLossError("failed"); }

struct Family {
  Family(Log& the_log, void (*how)(Family&), End the_end) : log(the_log), destroy(how), end(the_end) {}
  // The callback of `own`; or, if that is the loop's, what resolves the Deferred.
  auto callback() {
    auto body = [this, captures = std::make_shared<Log::AtEnd>(log.at_end("captures"))] {
      Family& family = *this;  // The captures may go.
      family.log.add("begin");
      family.destroy(family);
      family.log.add("end");
    };
    auto owned = std::make_unique<std::function<void()>>(std::move(body));
    function = owned.get();
    return [owned = std::move(owned)] { (*owned)(); };
  }
  // The same, to be captured: called when it is destroyed.
  std::shared_ptr<void> callback_at_end() {
    return {nullptr, [f = std::make_shared<decltype(callback())>(callback())](void*) { (*f)(); }};
  }
  auto resolving_callback() {
    return [this, f = callback()] {
      f();
      if (deferred) deferred->resolve(1);
    };
  }

  absl::StatusOr<int> result() const {
#ifdef __cpp_exceptions
    if (end == End::kThrows) throw failure();
#endif
    if (end != End::kReturns) return failure();
    return 2;
  }

  // When `own` is there.
  void watch() {
    sibling = previous->then([this](int x) { tell("sibling", x); }, [this](absl::Status e) { tell("sibling", e); });
    next = own->then([this](int x) { tell("next", x); }, [this](absl::Status e) { tell("next", e); });
    timer = EventLoop::current().call_later(absl::Hours(1), log.note("timer"));
  }
  void tell(const std::string& who, const absl::StatusOr<int>& outcome) {
    const bool is_broken = outcome.status().code() == absl::StatusCode::kAborted;
    const std::string error = is_broken ? "broken" : std::string(outcome.status().message());
    log.add(who + "=" + (outcome.ok() ? std::to_string(*outcome) : error));
  }

  Log& log;
  void (*destroy)(Family&);
  End end;
  std::optional<Deferred<int>> deferred = Deferred<int>();
  std::optional<Promise<int>> previous = deferred->promise();
  std::optional<Promise<int>> own;
  std::optional<Promise<>> sibling;
  std::optional<Promise<>> next;
  Handle timer;                               // Of another callback, due in an hour.
  Handle handle;                              // Of the callback itself, if it has one.
  std::function<void()>* function = nullptr;  // The callback, which owns it.
};

// That of map is called for its second element when `previous`, which it returned for the first one, has settled.
enum class Kind { kOfAPromise, kReturningAPromise, kOfMap, kOfACoroutine, kOfThenAndACoroutine, kOfTheLoop, kOnCancel };

struct Site {
  const char* name;
  Kind kind;
  void (*arm)(Family& family);
  // What `sibling` and `next` tell if nothing else decides it.
  const char* sibling = "1";
  const char* next = "2";
};

// What follows an await.
Promise<int> coroutine(Family& family, Promise<int> previous) {
  const auto f = family.callback();
  co_await std::move(previous);
  f();
  co_return family.result();
}
Promise<int> returning_coroutine(Family& family, Promise<int> previous) {
  const auto f = family.callback();
  co_await std::move(previous);
  f();
  co_return attempt([&family] { return family.result(); });
}

// `own` waits for what the callback resolves.
void watch_own(Family& family) {
  family.own = family.previous->then([] { return 2; });
  family.watch();
}

const Site kSites[] = {
    {"Then", Kind::kOfAPromise,
     [](Family& family) {
       family.own = family.previous->then([&family, f = family.callback()] {
         f();
         return family.result();
       });
       family.watch();
       family.deferred->resolve(1);
     }},
    {"ThenThatConsumes", Kind::kOfAPromise,
     [](Family& family) {
       family.own = Promise<int>(*family.previous).then([&family, f = family.callback()](int) {
         f();
         return family.result();
       });
       family.watch();
       family.deferred->resolve(1);
     }},
    {"ThenReturningPromise", Kind::kReturningAPromise,
     [](Family& family) {
       family.own = family.previous->then([&family, f = family.callback()]() -> Promise<int> {
         f();
         return family.result();
       });
       family.watch();
       family.deferred->resolve(1);
     }},
    {"Catch", Kind::kOfAPromise,
     [](Family& family) {
       family.own = family.previous->catch_([&family, f = family.callback()] {
         f();
         return family.result();
       });
       family.watch();
       family.deferred->reject(absl::NotFoundError("e"));
     },
     "e"},
    {"Finally", Kind::kOfAPromise,
     [](Family& family) {
       family.own = family.previous->finally([&family, f = family.callback()] {
         f();
         return family.result();
       });
       family.watch();
       family.deferred->resolve(1);
     },
     "1", "1"},
    {"FinallyReturningPromise", Kind::kReturningAPromise,
     [](Family& family) {
       family.own = family.previous->finally([&family, f = family.callback()]() -> Promise<int> {
         f();
         return family.result();
       });
       family.watch();
       family.deferred->resolve(1);
     },
     "1", "1"},
    {"CapturesOfThen", Kind::kOfAPromise,
     [](Family& family) {
       family.own = family.previous->then([&family, end = family.callback_at_end()] { return family.result(); });
       family.watch();
       family.deferred->resolve(1);
     }},
    {"CapturesOfFinally", Kind::kOfAPromise,
     [](Family& family) {
       family.own = family.previous->finally([&family, end = family.callback_at_end()] { return family.result(); });
       family.watch();
       family.deferred->resolve(1);
     },
     "1", "1"},
    {"FunctionOfMap", Kind::kOfMap,
     [](Family& family) {
       auto f = [&family, f = family.callback()](int i) -> Promise<int> {
         if (i == 0) return *family.previous;
         f();
         return family.result();
       };
       family.own = map(std::vector{0, 1}, std::move(f), {.concurrency = 1}).then([](const std::vector<int>& results) {
         return results[1];
       });
       family.watch();
       family.deferred->resolve(1);
     }},
    {"Coroutine", Kind::kOfACoroutine,
     [](Family& family) {
       family.own = coroutine(family, *family.previous);
       family.watch();
       family.deferred->resolve(1);
     }},
    {"CoroutineReturningPromise", Kind::kOfAPromise,
     [](Family& family) {
       family.own = returning_coroutine(family, *family.previous);
       family.watch();
       family.deferred->resolve(1);
     }},
    {"CoroutineInThen", Kind::kOfThenAndACoroutine,
     [](Family& family) {
       family.own = family.previous->then([&family, f = family.callback()]() -> Promise<int> {
         f();
         co_return family.result();
       });
       family.watch();
       family.deferred->resolve(1);
     }},
    {"Timer", Kind::kOfTheLoop,
     [](Family& family) {
       watch_own(family);
       family.handle = EventLoop::current().call_later(absl::Seconds(1), family.resolving_callback());
     }},
    {"Post", Kind::kOfTheLoop,
     [](Family& family) {
       watch_own(family);
       EventLoop::current().post(family.resolving_callback());
     }},
    {"CallSoon", Kind::kOfTheLoop,
     [](Family& family) {
       watch_own(family);
       family.handle = EventLoop::current().call_soon(family.resolving_callback());
     }},
    {"Reader", Kind::kOfTheLoop,
     [](Family& family) {
       watch_own(family);
       const int fd = eventfd(1, EFD_CLOEXEC);
       auto callback = [fd, f = family.resolving_callback()] {
         EventLoop::current().remove_reader(fd);
         close(fd);
         f();
       };
       EXPECT_EQ(EventLoop::current().add_reader(fd, std::move(callback)), absl::OkStatus());
     }},
    {"Signal", Kind::kOfTheLoop,
     [](Family& family) {
       watch_own(family);
       auto callback = [f = family.resolving_callback()] {
         EventLoop::current().remove_signal_handler(SIGUSR1);
         f();
       };
       EXPECT_EQ(EventLoop::current().add_signal_handler(SIGUSR1, std::move(callback)), absl::OkStatus());
       kill(getpid(), SIGUSR1);
     }},
    {"QueueMicrotask", Kind::kOfTheLoop,
     [](Family& family) {
       watch_own(family);
       EventLoop::current().queue_microtask(family.resolving_callback());
     }},
    {"OnCancel", Kind::kOnCancel,
     [](Family& family) {
       watch_own(family);
       family.deferred->on_cancel(family.callback());
       family.previous->cancel("withdrawn");
     },
     "withdrawn", "withdrawn"},
};

// Of what is destroyed, what makes a difference.
enum : unsigned { kDeferred = 1, kTimer = 2, kCaptures = 4, kCancelled = 8 };

struct Victim {
  const char* name;
  void (*destroy)(Family& family);
  unsigned what = 0;
  bool is(unsigned part) const { return (what & part) != 0; }
};

void destroy_all(Family& family) {
  family.deferred.reset();
  family.next.reset();
  family.own.reset();
  family.sibling.reset();
  family.previous.reset();
  family.timer.cancel();
  family.timer = family.handle = Handle();
  *family.function = nullptr;
}

const Victim kVictims[] = {
    {"Nothing", [](Family&) {}},
    {"ItsOwnPromise", [](Family& family) { family.own.reset(); }},
    {"ItsDeferred", [](Family& family) { family.deferred.reset(); }, kDeferred},
    {"TheNextPromise", [](Family& family) { family.next.reset(); }},
    {"ThePreviousPromise", [](Family& family) { family.previous.reset(); }},
    {"ASibling", [](Family& family) { family.sibling.reset(); }},
    {"ATimer",
     [](Family& family) {
       EXPECT_TRUE(family.timer.cancel());
       EXPECT_FALSE(family.handle.cancel());
       family.timer = family.handle = Handle();
     },
     kTimer},
    {"ItsOwnFunction", [](Family& family) { *family.function = nullptr; }, kCaptures},
    {"Everything", destroy_all, kDeferred | kTimer | kCaptures},
    {"CancelsItsOwnPromise", [](Family& family) { EXPECT_TRUE(family.own->cancel("stop")); }, kCancelled},
    {"CancelsItsOwnPromiseAndDestroysEverything",
     [](Family& family) {
       EXPECT_TRUE(family.own->cancel("stop"));
       destroy_all(family);
     },
     kCancelled | kDeferred | kTimer | kCaptures},
};

// What is documented, word for word.
std::string documented(const Site& site, const Victim& victim, End end) {
  const bool is_broken = victim.is(kDeferred) && site.kind == Kind::kOfTheLoop;
  const std::string sibling = std::string(" sibling=") + (is_broken ? "broken" : site.sibling);
  std::string next = " next=";
  if (victim.is(kCancelled)) {
    next += "stop";
  } else if (is_broken) {
    next += "broken";
  } else {
    next += end == End::kReturns ? site.next : "failed";
  }
  std::string call = "begin end captures";
  std::string captures_later;
  if (victim.is(kCaptures)) {
    call = "begin captures end";
  } else if (!victim.is(kCancelled) && (site.kind == Kind::kOfMap || site.kind == Kind::kOfThenAndACoroutine ||
                                        (site.kind == Kind::kReturningAPromise && end != End::kThrows))) {
    call = "begin end";
    captures_later = " captures";  // When that promise has settled; for map, when the last one has.
  }
  // Of a coroutine that was cancelled nobody hears the error that it ends with, so it is reported.
  const bool is_lost = site.kind == Kind::kOfACoroutine && victim.is(kCancelled) && end != End::kReturns;
  const std::string timer = std::string(is_lost ? " unhandled" : "") + (victim.is(kTimer) ? "" : " timer");
  // A callback of the loop cancels `own` before it resolves what `sibling` hears of.
  if (victim.is(kCancelled) && site.kind == Kind::kOfTheLoop) return call + next + sibling + timer;
  return call + sibling + captures_later + next + timer;
}

using Cell = std::tuple<Site, Victim, End>;

std::vector<Cell> cells() {
  std::vector<Cell> cells;
  for (const Site& site : kSites) {
    for (const Victim& victim : kVictims) {
      for (End end : {End::kReturns, End::kFails, End::kThrows}) {
        const bool has_result = site.kind != Kind::kOfTheLoop && site.kind != Kind::kOnCancel;
#ifndef __cpp_exceptions
        if (end == End::kThrows) continue;
#endif
        if (end == End::kReturns || has_result) cells.emplace_back(site, victim, end);
      }
    }
  }
  return cells;
}

std::string name_of(const testing::TestParamInfo<Cell>& test) {
  constexpr const char* kEnds[] = {"Returns", "Fails", "Throws"};
  const auto& [site, victim, end] = test.param;
  return std::string(site.name) + "_" + victim.name + "_" + kEnds[static_cast<int>(end)];
}

class DestructionTest : public LoopTest, public testing::WithParamInterface<Cell> {
 protected:
  DestructionTest() {
    on_unhandled_rejection([this](const absl::Status&, SourceLocation) { log.add("unhandled"); });
  }
  ~DestructionTest() override { on_unhandled_rejection(nullptr); }
};

TEST_P(DestructionTest, EndsAsDocumented) {
  const auto& [site, victim, end] = GetParam();
  {
    Family family(log, victim.destroy, end);
    site.arm(family);
    EXPECT_EQ(log.str(), "");
    run();
  }
  EXPECT_EQ(log.str(), documented(site, victim, end));
}

INSTANTIATE_TEST_SUITE_P(Cells, DestructionTest, testing::ValuesIn(cells()), name_of);

}  // namespace
}  // namespace vow
