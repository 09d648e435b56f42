// Every operator against every outcome of its input, and every operator against a cancel of its result.
//
// A line of kOperators is one operator: how it is applied to an input, and what it must make of an outcome. The cells
// are generated: OperatorsTable/OutcomeTest.PassesAsTheModelSays/WhenAnyRange_BrokenAfter is one of them.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "promise/all_settled.h"
#include "promise/as_completed.h"
#include "promise/map.h"
#include "promise/promise.h"
#include "promise/race.h"
#include "promise/retry.h"
#include "promise/shield.h"
#include "promise/sleep.h"
#include "promise/unhandled_rejection.h"
#include "promise/when_all.h"
#include "promise/when_any.h"
#include "promise/with_timeout.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using Outcome = absl::StatusOr<int>;

// With code, message and payloads; of when_any's error, those of all errors in it.
std::string show(const absl::Status& error) {
  const std::vector<absl::Status> errors = when_any_errors(error);
  if (errors.empty()) return error.ToString();
  std::string shown = "all " + absl::StatusCodeToString(error.code()) + "{";
  for (const absl::Status& one : errors) shown += " " + one.ToString();
  return shown + " }";
}
std::string show(int x) { return std::to_string(x); }
std::string show(const Outcome& outcome) { return outcome.ok() ? show(*outcome) : show(outcome.status()); }
template <class T>
std::string show(const std::vector<T>& all) {
  std::string shown = "[";
  for (const T& one : all) shown += " " + show(one);
  return shown + " ]";
}
template <class T>
std::string show(const std::tuple<T, T>& both) {
  return show(std::vector<T>{std::get<0>(both), std::get<1>(both)});
}
std::string show(const std::variant<int, int>& one) {
  return "#" + show(static_cast<int>(one.index())) + " " + std::visit([](int x) { return show(x); }, one);
}
std::string show(const std::optional<Completion<int>>& completion) {
  return "#" + show(static_cast<int>(completion->index)) + " " + show(completion->outcome);
}

constexpr absl::Duration kTimeout = absl::Seconds(1);
constexpr absl::Duration kPause = absl::Seconds(10);

// What an operator works with, and what is seen of it.
class Cell {
 public:
  // For a callback to capture: notes that it ran, and is counted until it is destroyed.
  auto call(const char* name) {
    return [this, name, capture = capture_](const std::string& argument = "") {
      add(std::string(name) + "(" + argument + ")");
    };
  }
  // A callback that notes what it is called with.
  auto giving(const char* name, int result) {
    return [call = call(name), result](const auto& argument) -> int {
      call(show(argument));
      return result;
    };
  }
  void add(const std::string& word) { log += (log.empty() ? "" : " ") + word; }
  bool has_captures() const { return capture_.use_count() > 1; }

  // Another input, which never settles; it is to be cancelled when it is not needed any more.
  Promise<int> companion() {
    companion_.emplace().on_cancel([call = call("companion")] { call("cancelled"); });
    return companion_->promise();
  }

  std::string log;

 private:
  std::shared_ptr<int> capture_ = std::make_shared<int>();
  std::optional<Deferred<int>> companion_;
};

// The promise that an operator gave, whatever its type.
struct Result {
  std::function<bool()> is_pending;
  std::function<bool(const std::string&)> cancel;
};

template <class T>
Result watch(Cell& cell, Promise<T> promise) {
  promise.then([call = cell.call("fulfilled")](const T& value) { call(show(value)); },
               [call = cell.call("rejected")](absl::Status error) { call(show(error)); });
  return {[promise] { return promise.is_pending(); },
          [promise](const std::string& why) { return promise.cancel(why); }};
}

std::string rejected(const absl::Status& error) { return "rejected(" + show(error) + ")"; }
std::string fulfilled(const std::string& shown) { return "fulfilled(" + shown + ")"; }

// Models: what is seen of an operator, by the outcome of its input.
std::string passes(const Outcome& in) { return in.ok() ? fulfilled(show(*in)) : rejected(in.status()); }
std::string passes_beside_one(const Outcome& in) {
  return in.ok() ? fulfilled(show(std::vector{*in, 1})) : rejected(in.status());
}
std::string settles_beside_one(const Outcome& in) { return fulfilled(show(std::vector<Outcome>{in, 1})); }
std::string wins_of_pack(const Outcome& in) { return in.ok() ? fulfilled("#1 " + show(*in)) : rejected(in.status()); }

absl::Status rejection() {
  absl::Status error = absl::NotFoundError("e");
  error.SetPayload("type.example/one", absl::Cord("payload"));
  return error;
}
// Of when_any, if another input is rejected so.
std::string all_rejected(const Outcome& in) {
  const bool is_same_code = in.status().code() == rejection().code();
  return "rejected(all " + absl::StatusCodeToString(is_same_code ? rejection().code() : absl::StatusCode::kUnknown) +
         "{ " + show(rejection()) + " " + show(in) + " })";
}

bool may_pass_by_itself(const absl::Status& error) {
  return error.code() == absl::StatusCode::kAborted || error.code() == absl::StatusCode::kDeadlineExceeded;
}

constexpr char kStopped[] = "input(stop) rejected(CANCELLED: stop)";
constexpr char kBothStopped[] = "companion(cancelled) input(stop) rejected(CANCELLED: stop)";

struct Operator {
  const char* name;
  Result (*apply)(Cell& cell, Promise<int> input);
  std::string (*model)(const Outcome& in);
  const char* at_once = "";               // What is seen when the operator has been applied,
  const char* while_pending = at_once;    // a turn later, if the input is still pending,
  const char* when_cancelled = kStopped;  // and if the result is cancelled then.
  bool pauses = false;                    // Waits for kPause if the error may pass by itself.
};

const Operator kOperators[] = {
    {"Then", [](Cell& cell, Promise<int> input) { return watch(cell, std::move(input).then(cell.giving("f", 1))); },
     [](const Outcome& in) { return in.ok() ? "f(" + show(in) + ") fulfilled(1)" : passes(in); }},
    {"ThenWithTwo",
     [](Cell& cell, Promise<int> input) {
       return watch(cell, std::move(input).then(cell.giving("f", 1), cell.giving("g", 2)));
     },
     [](const Outcome& in) { return (in.ok() ? "f(" : "g(") + show(in) + ") " + fulfilled(in.ok() ? "1" : "2"); }},
    {"Catch", [](Cell& cell, Promise<int> input) { return watch(cell, std::move(input).catch_(cell.giving("g", 2))); },
     [](const Outcome& in) { return in.ok() ? passes(in) : "g(" + show(in) + ") fulfilled(2)"; }},
    {"Finally",
     [](Cell& cell, Promise<int> input) {
       return watch(cell, std::move(input).finally([call = cell.call("h")] { call(); }));
     },
     [](const Outcome& in) { return "h() " + passes(in); }},
    {"FinallyReturningPromise",
     [](Cell& cell, Promise<int> input) {
       return watch(cell, std::move(input).finally([call = cell.call("h")] {
         call();
         return sleep(absl::ZeroDuration()).then([call] { call("slept"); });
       }));
     },
     [](const Outcome& in) { return "h() h(slept) " + passes(in); }},
    {"Settled", [](Cell& cell, Promise<int> input) { return watch(cell, std::move(input).settled()); },
     [](const Outcome& in) { return fulfilled(show(in)); }},
    {"ReturnedByACallback",
     [](Cell& cell, Promise<int> input) {
       return watch(cell, resolve().then([call = cell.call("f"), input = std::move(input)]() mutable {
         call();
         return std::move(input);
       }));
     },
     [](const Outcome& in) { return "f() " + passes(in); }, "", "f()"},
    {"DeferredResolve",
     [](Cell& cell, Promise<int> input) {
       Deferred<int> d;
       d.resolve(std::move(input));
       return watch(cell, d.promise());
     },
     passes},
    {"Shield", [](Cell& cell, Promise<int> input) { return watch(cell, shield(std::move(input))); }, passes, "", "",
     "rejected(CANCELLED: stop)"},
    {"WithTimeout",
     [](Cell& cell, Promise<int> input) { return watch(cell, with_timeout(std::move(input), absl::Hours(1))); },
     passes},
    {"Retry",
     [](Cell& cell, Promise<int> input) {
       auto first = [call = cell.call("f"), input = std::optional(std::move(input))]() mutable -> Promise<int> {
         call();
         if (input) return *std::exchange(input, std::nullopt);
         return 70;
       };
       return watch(cell, retry({.first_delay = kPause, .jitter = 0}, std::move(first)));
     },
     [](const Outcome& in) { return may_pass_by_itself(in.status()) ? "f() f() fulfilled(70)" : "f() " + passes(in); },
     "f()", "f()", kStopped, /*pauses=*/true},
    {"WhenAllRange",
     [](Cell& cell, Promise<int> input) {
       return watch(cell, when_all(std::vector{std::move(input), resolve(1)}));
     },
     passes_beside_one},
    {"WhenAllPack", [](Cell& cell, Promise<int> input) { return watch(cell, when_all(std::move(input), resolve(1))); },
     passes_beside_one},
    {"WhenAnyRange",
     [](Cell& cell, Promise<int> input) {
       return watch(cell, when_any(std::vector{reject<int>(rejection()), std::move(input)}));
     },
     [](const Outcome& in) { return in.ok() ? passes(in) : all_rejected(in); }},
    {"WhenAnyPack",
     [](Cell& cell, Promise<int> input) { return watch(cell, when_any(reject<int>(rejection()), std::move(input))); },
     [](const Outcome& in) { return in.ok() ? wins_of_pack(in) : all_rejected(in); }},
    {"RaceRange",
     [](Cell& cell, Promise<int> input) {
       return watch(cell, race(std::vector{cell.companion(), std::move(input)}));
     },
     [](const Outcome& in) { return "companion(cancelled) " + passes(in); }, "", "", kBothStopped},
    {"RacePack", [](Cell& cell, Promise<int> input) { return watch(cell, race(cell.companion(), std::move(input))); },
     [](const Outcome& in) { return "companion(cancelled) " + wins_of_pack(in); }, "", "", kBothStopped},
    {"AllSettledRange",
     [](Cell& cell, Promise<int> input) {
       return watch(cell, all_settled(std::vector{std::move(input), resolve(1)}));
     },
     settles_beside_one},
    {"AllSettledPack",
     [](Cell& cell, Promise<int> input) { return watch(cell, all_settled(std::move(input), resolve(1))); },
     settles_beside_one},
    {"AsCompleted",
     [](Cell& cell, Promise<int> input) {
       return watch(cell, as_completed(std::vector{cell.companion(), std::move(input)}).next());
     },
     [](const Outcome& in) { return "fulfilled(#1 " + show(in) + ") companion(cancelled)"; }, "", "", kBothStopped},
    {"Map",
     [](Cell& cell, Promise<int> input) {
       auto once = [call = cell.call("f"), input = std::move(input)](int) mutable {
         call();
         return std::move(input);
       };
       return watch(cell, map(std::vector{0}, std::move(once)));
     },
     [](const Outcome& in) { return "f() " + (in.ok() ? fulfilled(show(std::vector{*in})) : rejected(in.status())); },
     "f()"},
};

struct Ending {
  const char* name;
  Promise<int> (*make)(Deferred<int>& d);
  void (*end)(std::optional<Deferred<int>>& d);
  absl::Duration takes = absl::ZeroDuration();
};

Promise<int> plain(Deferred<int>& d) { return d.promise(); }

const Ending kEndings[] = {
    {"Fulfilled", plain, [](std::optional<Deferred<int>>& d) { d->resolve(7); }},
    {"Rejected", plain, [](std::optional<Deferred<int>>& d) { d->reject(rejection()); }},
    {"Cancelled", plain, [](std::optional<Deferred<int>>& d) { d->promise().cancel("withdrawn"); }},
    {"Broken", plain, [](std::optional<Deferred<int>>& d) { d.reset(); }},
    {"TimedOut", [](Deferred<int>& d) { return with_timeout(d.promise(), kTimeout); },
     [](std::optional<Deferred<int>>&) {}, kTimeout},
};

enum class When { kBefore, kAfter, kLater };

class OperatorTest : public LoopTest {
 protected:
  OperatorTest() {
    on_unhandled_rejection([this](const absl::Status& error, SourceLocation) { unhandled.push_back(show(error)); });
  }
  ~OperatorTest() override { on_unhandled_rejection(nullptr); }

  // Always made by this line, so that an error that names the place where it was made, names this one.
  Promise<int> make_input(const Ending& ending) { return ending.make(deferred.emplace()); }

  // Nothing is left that waits, and no callback that was not destroyed.

  void expect_nothing_left() {
    EXPECT_EQ(unhandled, std::vector<std::string>());
    EXPECT_FALSE(cell.has_captures());
    EXPECT_TRUE(loop.is_stalled());
  }

  std::vector<std::string> unhandled;
  std::optional<Deferred<int>> deferred;
  Cell cell;
};

using Cause = std::tuple<Operator, Ending, When>;

class OutcomeTest : public OperatorTest, public testing::WithParamInterface<Cause> {
 protected:
  // What becomes of such an input without any operator.
  Outcome outcome_of(const Ending& ending) {
    const Promise<Outcome> outcome = make_input(ending).settled();
    ending.end(deferred);
    run();
    return outcome.value();
  }
};

TEST_P(OutcomeTest, PassesAsTheModelSays) {
  const auto& [op, ending, when] = GetParam();
  const Outcome in = outcome_of(ending);
  absl::Duration takes = op.pauses && may_pass_by_itself(in.status()) ? kPause : absl::ZeroDuration();
  Promise<int> input = make_input(ending);
  if (when != When::kBefore) {
    takes += ending.takes;
  } else if (ending.takes == absl::ZeroDuration()) {
    ending.end(deferred);
  } else {
    input.settled();
    run();
  }

  const absl::Time start = loop.now();
  const Result result = op.apply(cell, std::move(input));
  EXPECT_EQ(cell.log, op.at_once);
  EXPECT_TRUE(result.is_pending());
  if (when == When::kLater) {
    poll();
    EXPECT_EQ(cell.log, op.while_pending);
  }
  if (when != When::kBefore) {
    const std::string before = cell.log;
    ending.end(deferred);
    EXPECT_EQ(cell.log, before);
    EXPECT_TRUE(result.is_pending());
  }
  run();
  EXPECT_EQ(cell.log, op.model(in));
  EXPECT_EQ(loop.now() - start, takes);
  expect_nothing_left();
}

std::string name_of_cause(const testing::TestParamInfo<Cause>& test) {
  constexpr const char* kTimings[] = {"Before", "After", "Later"};
  const auto& [op, ending, when] = test.param;
  return std::string(op.name) + "_" + ending.name + kTimings[static_cast<int>(when)];
}

INSTANTIATE_TEST_SUITE_P(OperatorsTable, OutcomeTest,
                         testing::Combine(testing::ValuesIn(kOperators), testing::ValuesIn(kEndings),
                                          testing::Values(When::kBefore, When::kAfter, When::kLater)),
                         name_of_cause);

// Of what is seen: all but that the input was cancelled.
std::string without_input(std::string seen) {
  const std::size_t begin = seen.find("input(");
  if (begin == std::string::npos) return seen;
  const std::size_t end = seen.find(')', begin);
  return seen.erase(begin > 0 && end + 1 == seen.size() ? begin - 1 : begin, end + 2 - begin);
}

class CancelledResultTest : public OperatorTest, public testing::WithParamInterface<Operator> {
 protected:
  Result apply() {
    deferred.emplace().on_cancel([call = cell.call("input")](absl::Status why) { call(std::string(why.message())); });
    return GetParam().apply(cell, deferred->promise());
  }
  void expect_cancelled(const Result& result) {
    cell.log.clear();
    EXPECT_TRUE(result.cancel("stop"));
    EXPECT_FALSE(result.is_pending());
    EXPECT_EQ(cell.log, "");
    EXPECT_FALSE(result.cancel("again"));
  }
  static bool reaches_input() { return without_input(GetParam().when_cancelled) != GetParam().when_cancelled; }
};

TEST_P(CancelledResultTest, StopsTheInputAndRunsNoCallback) {
  const Result result = apply();
  poll();
  EXPECT_EQ(cell.log, GetParam().while_pending);
  expect_cancelled(result);
  EXPECT_FALSE(deferred->is_awaited());
  run();
  EXPECT_EQ(cell.log, GetParam().when_cancelled);
  EXPECT_EQ(deferred->resolve(7), !reaches_input());
  run();
  EXPECT_EQ(cell.log, GetParam().when_cancelled);
  expect_nothing_left();
}

// But an input that a callback was to return, which now never runs, goes with that: to drop a promise stops nothing.
TEST_P(CancelledResultTest, AtOnceStopsTheInputIfThatIsInUse) {
  const Result result = apply();
  const bool is_in_use = GetParam().at_once == std::string(GetParam().while_pending);
  expect_cancelled(result);
  run();
  EXPECT_EQ(cell.log, is_in_use ? GetParam().when_cancelled : without_input(GetParam().when_cancelled));
  EXPECT_EQ(deferred->resolve(7), !is_in_use || !reaches_input());
  expect_nothing_left();
}

TEST_P(CancelledResultTest, IsCancelledAlsoIfTheInputHasSettledAndNobodyHasHeard) {
  const Result result = apply();
  poll();
  deferred->resolve(7);
  expect_cancelled(result);
  run();
  EXPECT_EQ(cell.log, without_input(GetParam().when_cancelled));
  expect_nothing_left();
}

TEST_P(CancelledResultTest, LeavesAnInputAloneThatSomebodyElseHolds) {
  const Result result = apply();
  const Promise<int> held = deferred->promise();
  poll();
  expect_cancelled(result);
  run();
  EXPECT_EQ(cell.log, without_input(GetParam().when_cancelled));
  EXPECT_TRUE(deferred->resolve(7));
  EXPECT_EQ(held.value(), 7);
  expect_nothing_left();
}

TEST_P(CancelledResultTest, DroppedStopsNothing) {
  std::optional<Result> result = apply();
  result.reset();
  poll();
  EXPECT_TRUE(deferred->resolve(7));
  run();
  EXPECT_EQ(cell.log, GetParam().model(7));
  expect_nothing_left();
}

INSTANTIATE_TEST_SUITE_P(OperatorsTable, CancelledResultTest, testing::ValuesIn(kOperators),
                         [](const testing::TestParamInfo<Operator>& test) { return test.param.name; });

}  // namespace
}  // namespace vow
