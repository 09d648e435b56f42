// When memory runs out: each allocation of a scenario fails in turn, once, or from then on. What is promised (see
// promise/README.md): a call that makes something either makes it or throws std::bad_alloc and has changed nothing; what
// settles, queues, fires, cancels or destroys needs no memory; what a callback throws rejects its promise,
// ResourceExhausted. Nothing leaks, and the loop goes on.
//
// Built with AddressSanitizer there is no pool of blocks, so that every block is an allocation that fails.

#include "gtest/gtest.h"

#ifdef __cpp_exceptions

#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "loop/event_loop.h"
#include "promise/all_settled.h"
#include "promise/as_completed.h"
#include "promise/channel.h"
#include "promise/condition.h"
#include "promise/coroutine.h"
#include "promise/create_task.h"
#include "promise/generator.h"
#include "promise/map.h"
#include "promise/mutex.h"
#include "promise/promise.h"
#include "promise/race.h"
#include "promise/retry.h"
#include "promise/run.h"
#include "promise/shield.h"
#include "promise/sleep.h"
#include "promise/task_group.h"
#include "promise/unhandled_rejection.h"
#include "promise/when_all.h"
#include "promise/when_any.h"
#include "promise/with_timeout.h"
#include "promise/yield.h"
#include "test/reliability/memory.h"

namespace vow {
namespace {

// Each settles its promise with this text if memory suffices.
const char* const kExpected = "what a short string has no room for: it needs memory";

std::string expected() { return kExpected; }

Promise<std::string> later() { return sleep(absl::Seconds(1)).then(expected); }

Promise<std::string> in_coroutine(std::string text) {
  co_await sleep(absl::Seconds(1));
  co_return text;
}

Promise<std::string> in_coroutines(int depth) {
  if (depth == 0) co_return co_await later();
  co_await yield();
  co_return co_await in_coroutines(depth - 1);
}

Promise<std::string> returning_coroutine() {
  co_await yield();
  co_return later();
}

Promise<std::string> awaiting_itself(std::shared_ptr<std::optional<Promise<std::string>>> self) {
  co_await yield();
  if (!self->has_value()) co_return absl::ResourceExhaustedError("it was not made");
  co_return co_await **self;
}

AsyncGenerator<std::string> two_texts() {
  co_await yield();
  co_yield expected();
  co_yield "another text, which is too long for a short string";
}

Promise<std::string> from_generator() {
  AsyncGenerator<std::string> texts = two_texts();
  Promise<std::optional<std::string>> first = texts.next();
  Promise<std::optional<std::string>> second = texts.next();
  std::optional<std::string> text = co_await std::move(first);
  co_await std::move(second);
  co_return *std::move(text);
}

Promise<std::string> in_group() {
  TaskGroup group;
  Promise<std::string> task = group.spawn(in_coroutine, std::string(kExpected));
  group.spawn([] { return sleep(absl::Seconds(2)); });
  co_await group.join();
  co_return task.value();
}

Promise<std::string> under_lock() {
  Mutex mutex;
  auto condition = std::make_shared<Condition>();
  Mutex::Guard guard = co_await mutex.lock();
  Promise<> notify = sleep(absl::Seconds(1)).then([condition] { condition->notify_all(); });
  guard = co_await condition->wait(std::move(guard));
  co_await std::move(notify);
  co_return expected();
}

Promise<std::string> through_channel() {
  Channel<std::string> channel(1);
  Promise<std::string> received = channel.receive();
  co_await channel.send(kExpected);
  co_await channel.send("another text, which is too long for a short string");
  channel.receive().cancel();
  co_return co_await std::move(received);
}

struct Scenario {
  const char* name;
  std::function<Promise<std::string>()> start;
};

std::string join(const std::vector<std::string>& texts) { return texts.size() == 2 ? texts.front() : "wrong"; }

const Scenario kScenarios[] = {
    {"Then", [] { return later().then([](std::string text) { return text; }); }},
    {"CatchAndFinally",
     [] {
       return later()
           .then([](const std::string&) -> absl::Status { return absl::NotFoundError(kExpected); })
           .finally([] { return resolve(); })
           .then([] { return std::string(); })
           .catch_([](const absl::Status& error) { return std::string(error.message()); });
     }},
    {"Settled", [] { return later().settled().then([](absl::StatusOr<std::string> text) { return text; }); }},
    {"CopiedValue",
     [] {
       Promise<std::string> kept = later();
       Promise<std::string> other = kept.then([](const std::string& text) { return text; });
       return kept.catch_([](const absl::Status&) { return std::string(); });
     }},
    {"Adoption", [] { return sleep(absl::Seconds(1)).then(later); }},
    {"Deferred",
     [] {
       auto deferred = std::make_shared<Deferred<std::string>>();
       sleep(absl::Seconds(1)).then([deferred] { deferred->resolve(expected()); });
       return deferred->promise();
     }},
    {"WhenAll",
     [] {
       std::vector<Promise<std::string>> inputs;
       inputs.push_back(later());
       inputs.push_back(later());
       return when_all(std::move(inputs)).then(join);
     }},
    {"WhenAllOfPack",
     [] {
       return when_all(later(), sleep(absl::Seconds(2))).then([](std::tuple<std::string, std::monostate> both) {
         return std::get<0>(both);
       });
     }},
    {"WhenAny",
     [] {
       return when_any(later(), reject(absl::NotFoundError("x"))).then([](auto any) { return std::get<0>(any); });
     }},
    {"WhenAnyOfRejected",
     [] {
       std::vector<Promise<std::string>> inputs;
       inputs.push_back(reject<std::string>(absl::NotFoundError(kExpected)));
       inputs.push_back(reject<std::string>(absl::NotFoundError("y")));
       return when_any(std::move(inputs)).catch_([](const absl::Status& error) -> absl::StatusOr<std::string> {
         const std::vector<absl::Status> errors = when_any_errors(error);
         if (errors.empty()) return error;
         return std::string(errors.front().message());
       });
     }},
    {"Race", [] { return race(later(), sleep(absl::Seconds(9))).then([](auto first) { return std::get<0>(first); }); }},
    {"AllSettled",
     [] { return all_settled(later(), sleep(absl::Seconds(1))).then([](auto both) { return std::get<0>(both); }); }},
    {"AsCompleted",
     [] {
       std::vector<Promise<std::string>> inputs;
       inputs.push_back(later());
       return as_completed(std::move(inputs)).next().then([](std::optional<Completion<std::string>> first) {
         return first->outcome;
       });
     }},
    {"Map",
     [] {
       return map(std::vector<int>{1, 2}, [](int) { return later(); }, {.concurrency = 1}).then(join);
     }},
    {"WithTimeout", [] { return with_timeout(later(), absl::Seconds(5)); }},
    {"TimedOut",
     [] {
       return with_timeout(sleep(absl::Hours(1)), absl::Seconds(1))
           .then(expected)
           .catch_([](const absl::Status& error) {
             return error.code() == absl::StatusCode::kDeadlineExceeded ? expected() : std::string();
           });
     }},
    {"Retry",
     [] {
       auto attempts = std::make_shared<int>(0);
       return retry({.jitter = 0}, [attempts]() -> absl::StatusOr<std::string> {
         if (++*attempts < 2) return absl::UnavailableError("again");
         return expected();
       });
     }},
    {"CancelledShield",
     [] {
       Promise<std::string> work = later();
       shield(work).cancel();
       return work;
     }},
    {"OnCancel",
     [] {
       Deferred<> deferred;
       auto heard = std::make_shared<bool>(false);
       deferred.on_cancel([heard] { *heard = true; });
       deferred.promise().cancel();
       return later().then([heard](std::string text) { return *heard ? text : std::string(); });
     }},
    {"ManyTimers",
     [] {
       std::vector<Promise<>> sleepers;
       for (int i = 0; i < 100; ++i) sleepers.push_back(sleep(absl::Milliseconds(1000 - 7 * i)));
       return when_all(std::move(sleepers)).then(expected);
     }},
    {"Coroutine", [] { return in_coroutine(kExpected); }},
    {"CoroutinesThatAwaitEachOther", [] { return in_coroutines(5); }},
    {"CoroutineThatReturnsAPromise", [] { return returning_coroutine(); }},
    {"CoroutineThatAwaitsItself",
     [] {
       auto self = std::make_shared<std::optional<Promise<std::string>>>();
       *self = awaiting_itself(self);
       return (*self)->catch_([self](const absl::Status& error) -> absl::StatusOr<std::string> {
         self->reset();
         return error.code() == absl::StatusCode::kInvalidArgument ? expected() : absl::StatusOr<std::string>(error);
       });
     }},
    {"CreateTask", [] { return create_task(in_coroutine, std::string(kExpected)); }},
    {"Generator", [] { return from_generator(); }},
    {"TaskGroup", [] { return in_group(); }},
    {"MutexAndCondition", [] { return under_lock(); }},
    {"Channel", [] { return through_channel(); }},
    {"Loop",
     [] {
       auto deferred = std::make_shared<Deferred<std::string>>();
       EventLoop& loop = EventLoop::current();
       loop.queue_microtask([deferred] {});
       loop.call_soon([deferred] {});
       loop.post([deferred] {});
       loop.call_later(absl::Seconds(1),
                       [deferred, text = expected()]() mutable { deferred->resolve(std::move(text)); });
       return deferred->promise();
     }},
};

using Times = FailingAllocations::Times;

class AllocationFailureTest : public testing::TestWithParam<std::tuple<Scenario, Times>> {
 protected:
  // What comes of the scenario: the text, or the error; std::bad_alloc from a call counts as ResourceExhausted.
  static absl::StatusOr<std::string> run(EventLoop& loop) {
    absl::StatusOr<std::string> outcome = absl::ResourceExhaustedError("");
    try {
      outcome = run_until_complete(loop, std::get<0>(GetParam()).start());
    } catch (const std::bad_alloc&) {
    }
    return outcome;
  }
};

INSTANTIATE_TEST_SUITE_P(, AllocationFailureTest,
                         testing::Combine(testing::ValuesIn(kScenarios),
                                          testing::Values(Times::kOnce, Times::kFromThenOn)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param).name) +
                                  (std::get<1>(test.param) == Times::kOnce ? "Once" : "FromThenOn");
                         });

// A Deferred may have been dropped on the way, and when_any may have had other errors as well.
bool is_for_want_of_memory(const absl::Status& error) {
  for (const absl::Status& one : when_any_errors(error)) {
    if (is_for_want_of_memory(one)) return true;
  }
  return absl::IsResourceExhausted(error) || absl::IsAborted(error);
}

TEST_P(AllocationFailureTest, IsAnErrorAndNothingElse) {
  if (!memory_is_counted()) GTEST_SKIP();
  on_unhandled_rejection([](const absl::Status&, SourceLocation) {});
  const auto try_all = [] {
    for (int nth = 1;; ++nth) {
      EventLoop loop({.clock = Clock::kVirtual});
      bool has_failed;
      {
        const FailingAllocations failing(nth, std::get<1>(GetParam()));
        const absl::StatusOr<std::string> outcome = run(loop);
        has_failed = FailingAllocations::any();
        if (!outcome.ok()) {
          EXPECT_TRUE(has_failed);
          EXPECT_TRUE(is_for_want_of_memory(outcome.status())) << nth << ": " << outcome.status();
        }
      }
      EXPECT_EQ(run(loop).value(), kExpected) << "after the failure of allocation " << nth;
      if (!has_failed) return nth;
    }
  };
  try_all();  // What is allocated once and for all, is allocated now.
  const std::int64_t before = bytes_in_use();
  EXPECT_GT(try_all(), 1);
  EXPECT_EQ(bytes_in_use(), before);
  on_unhandled_rejection(nullptr);
}

}  // namespace
}  // namespace vow

#else

TEST(AllocationFailureTest, NeedsExceptions) { GTEST_SKIP() << "compiled without exceptions, it ends the program"; }

#endif  // __cpp_exceptions
