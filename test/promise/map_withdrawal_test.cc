// How a map ends before its time: by a failure, or by a cancel.

#include <deque>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/map.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "promise/unhandled_rejection.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using testing::ElementsAre;

using Values = std::vector<int>;

absl::Status error() { return absl::NotFoundError("e"); }

class MapEndTest : public LoopTest {
 protected:
  // Logs each element, and then works until its Deferred is settled; a cancel of N is logged as "-N".
  auto worker() {
    return [this](int x) {
      log.add(x);
      Deferred<int>& work = works.emplace_back();
      work.on_cancel([this, x] { log.add(-x); });
      return work.promise();
    };
  }

  std::deque<Deferred<int>> works;  // In the order of the calls.
};

using MapFailureTest = MapEndTest;
using MapWithdrawalTest = MapEndTest;

// To be captured: cancels the map when it is destroyed, and notes what the map says to that.
class CancelsAtEnd {
 public:
  CancelsAtEnd(std::optional<Promise<Values>>& all, bool& cancelled) : all_(&all), cancelled_(cancelled) {}
  CancelsAtEnd(CancelsAtEnd&& other) noexcept
      : all_(std::exchange(other.all_, nullptr)), cancelled_(other.cancelled_) {}
  CancelsAtEnd& operator=(CancelsAtEnd&&) = delete;
  ~CancelsAtEnd() {
    if (all_ != nullptr) cancelled_ = (*all_)->cancel();
  }

 private:
  std::optional<Promise<Values>>* all_;
  bool& cancelled_;
};

// folly 91
TEST_F(MapFailureTest, RejectsAtOnceAndStopsTheCalls) {
  Promise<Values> all = map(Values{1, 2, 3, 4}, worker(), {.concurrency = 2});
  works[0].resolve(10);
  poll();
  works[2].reject(error());
  poll();
  EXPECT_EQ(all.status(), error());
  EXPECT_EQ(log.str(), "1 2 3 -2");
}

TEST_F(MapFailureTest, CancelsWhatIsUnderWay) {
  Promise<Values> all = map(Values{1, 2, 3, 4}, worker(), {.concurrency = 3});
  works[1].reject(error());
  run();
  EXPECT_EQ(log.str(), "1 2 3 -1 -3");
}

TEST_F(MapFailureTest, LetsAPromiseGoOnThatSomebodyElseHolds) {
  const Promise<int> held = sleep(absl::Seconds(1)).then([] { return 5; });
  map(Values{1, 2}, [&](int x) { return x == 1 ? held : reject<int>(error()); });
  run();
  EXPECT_EQ(held.value(), 5);
}

TEST_F(MapFailureTest, OfSeveralIsTheFirst) {
  Promise<Values> all = map(Values{1, 2}, worker());
  poll();
  works[1].reject(error());
  works[0].reject(absl::AbortedError("too late"));
  run();
  EXPECT_EQ(all.status(), error());
}

TEST_F(MapFailureTest, LeavesLaterErrorsUnreported) {
  auto before = on_unhandled_rejection([&](const absl::Status&, SourceLocation) { log.add("reported"); });
  map(Values{1, 2}, [](int) { return reject<int>(error()); }).catch_([] { return Values(); });
  run();
  on_unhandled_rejection(before);
  EXPECT_EQ(log.str(), "");
}

TEST_F(MapFailureTest, DestroysTheFunctionBeforeTheNextCallbackRuns) {
  map(Values{1, 2}, [end = log.at_end("destroyed")](int) { return error(); }).then([] {}, log.note("h"));
  run();
  EXPECT_EQ(log.str(), "destroyed h");
}

#ifdef __cpp_exceptions
TEST_F(MapFailureTest, MayBeAnException) {
  Promise<Values> first = map(Values{1}, [](int) -> int { throw error(); });
  Promise<Values> later = map(Values{1, 2, 3},
                              [this](int x) {
                                log.add(x);
                                return x == 2 ? throw error() : x;
                              },
                              {.concurrency = 1});
  run();
  EXPECT_EQ(first.status(), error());
  EXPECT_EQ(later.status(), error());
  EXPECT_EQ(log.str(), "1 2");
}

struct Fragile {
  Fragile() = default;
  Fragile(const Fragile&) { throw absl::DataLossError("copy"); }
  Fragile(Fragile&&) = default;
};

TEST_F(MapFailureTest, MayBeACopyThatThrows) {
  const Promise<Fragile> kept = resolve(Fragile());
  Promise<std::vector<Fragile>> all = map(Values{1}, [&](int) { return kept; });
  run();
  EXPECT_EQ(all.status(), absl::DataLossError("copy"));
}

// A view may do anything when it goes on to the next element: this one, from 1 on, throws behind 2.
struct ThrowsBehindTwo : std::ranges::view_base {
  struct Iterator {
    int operator*() const { return x; }
    Iterator& operator++() {
      if (++x == 3) throw error();
      return *this;
    }
    bool operator==(const Iterator&) const = default;
    int x;
  };
  Iterator begin() const { return {1}; }
  Iterator end() const { return {5}; }
};

TEST_F(MapFailureTest, MayComeFromTheRange) {
  Promise<Values> all = map(ThrowsBehindTwo(), [](int x) { return x; }, {.concurrency = 1});
  run();
  EXPECT_EQ(all.status(), error());
}

TEST_F(MapFailureTest, OfTheRangeAfterACancelChangesNothing) {
  std::optional<Promise<Values>> all;
  auto f = [&](int x) {
    if (x == 2) all->cancel("enough");
    return x;
  };
  all = map(ThrowsBehindTwo(), f, {.concurrency = 1});
  run();
  EXPECT_EQ(all->status(), absl::CancelledError("enough"));
}
#endif

TEST_F(MapWithdrawalTest, CancelsWhatIsUnderWayAndStopsTheCalls) {
  Promise<Values> all = map(Values{1, 2, 3}, worker(), {.concurrency = 2});
  EXPECT_TRUE(all.cancel("enough"));
  run();
  EXPECT_EQ(log.str(), "1 2 -1 -2");
  EXPECT_EQ(all.status(), absl::CancelledError("enough"));
}

TEST_F(MapWithdrawalTest, DestroysTheFunction) {
  Promise<Values> all = map(Values{1}, [f = worker(), end = log.at_end("destroyed")](int x) { return f(x); });
  all.cancel();
  EXPECT_EQ(log.str(), "1 destroyed");
}

TEST_F(MapWithdrawalTest, ThatComesTooLateDoesNothing) {
  Promise<Values> all = map(Values{1}, [](int x) { return x; });
  run();
  EXPECT_FALSE(all.cancel());
  EXPECT_THAT(all.value(), ElementsAre(1));
}

TEST_F(MapWithdrawalTest, IsHeardByProducersBeforeConsumers) {
  Promise<Values> all = map(Values{1, 2}, worker());
  all.then([] {}, log.note("consumer"));
  works[0].reject(error());
  run();
  EXPECT_EQ(log.str(), "1 2 -2 consumer");
}

TEST_F(MapWithdrawalTest, MayComeFromTheFunctionItself) {
  std::optional<Promise<Values>> all;
  all = map(Values{1, 2, 3},
            [&all, f = worker(), end = log.at_end("destroyed")](int x) {
              if (x == 2) all->cancel("enough");
              return f(x);
            },
            {.concurrency = 1});
  works[0].resolve(0);
  run();
  EXPECT_EQ(log.str(), "1 2 destroyed -2");
  EXPECT_EQ(all->status(), absl::CancelledError("enough"));
}

TEST_F(MapWithdrawalTest, MayComeFromTheFunctionItselfWithOthersUnderWay) {
  std::optional<Promise<Values>> all;
  all = map(Values{1, 2, 3, 4},
            [&all, f = worker()](int x) {
              if (x == 3) all->cancel();
              return f(x);
            },
            {.concurrency = 2});
  works[0].resolve(0);
  run();
  EXPECT_EQ(log.str(), "1 2 3 -2 -3");
}

TEST_F(MapWithdrawalTest, MayComeFromTheEndOfTheFunction) {
  std::optional<Promise<Values>> all;
  bool cancelled = false;
  all = map(Values{1}, [end = CancelsAtEnd(all, cancelled)](int x) { return x; });
  run();
  EXPECT_EQ(all->status().code(), cancelled ? absl::StatusCode::kCancelled : absl::StatusCode::kOk);
}

TEST_F(MapWithdrawalTest, MayComeFromTheEndOfTheFunctionAfterAFailure) {
  std::optional<Promise<Values>> all;
  bool cancelled = false;
  all = map(Values{1}, [end = CancelsAtEnd(all, cancelled)](int) { return reject<int>(error()); });
  run();
  EXPECT_EQ(all->status().code(), cancelled ? absl::StatusCode::kCancelled : absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace vow
