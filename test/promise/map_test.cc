#include "promise/map.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/sleep.h"
#include "test/support/loop_test.h"
#include "test/support/probe.h"

namespace vow {
namespace {

using testing::ElementsAre;

absl::Status error() { return absl::NotFoundError("e"); }

using Values = std::vector<int>;

// A view whose elements are made as they are asked for: std::views::iota, without which Clang 14 has to do.
class Numbers : public std::ranges::view_base {
 public:
  struct Iterator {
    int operator*() const { return x; }
    Iterator& operator++() {
      ++x;
      return *this;
    }
    bool operator==(const Iterator&) const = default;
    int x;
  };

  Numbers(int first, int last) : first_{first}, last_{last} {}
  Iterator begin() const { return first_; }
  Iterator end() const { return last_; }

 private:
  Iterator first_, last_;
};

class MapTest : public LoopTest {
 protected:
  // Takes as many seconds as its argument says, and logs when it begins.
  Promise<int> work(int seconds) {
    log.add(seconds);
    most_under_way_ = std::max(most_under_way_, ++under_way_);
    return sleep(absl::Seconds(seconds)).then([this, seconds] {
      --under_way_;
      return seconds * 10;
    });
  }
  auto worker() {
    return [this](int seconds) { return work(seconds); };
  }

  int under_way_ = 0;
  int most_under_way_ = 0;
};

using MapOfElementsTest = MapTest;
using MapResultTest = MapTest;

// folly 91
TEST_F(MapTest, GivesTheResultsInTheOrderOfTheElements) {
  Promise<Values> all = map(Values{3, 1, 2}, worker());
  run();
  EXPECT_THAT(all.value(), ElementsAre(30, 10, 20));
}

TEST_F(MapTest, CallsForAllAtOnceIfNoBoundIsGiven) {
  Promise<Values> all = map(Values{3, 1, 2}, worker());
  EXPECT_EQ(log.str(), "3 1 2");
}

TEST_F(MapTest, CallsOneAfterTheOther) {
  Promise<Values> all = map(Values{3, 1, 2}, worker(), {.concurrency = 1});
  EXPECT_EQ(log.str(), "3");
  run();
  EXPECT_EQ(log.str(), "3 1 2");
}

TEST_F(MapTest, CallsForTheNextElementWhenOneHasSettled) {
  Promise<Values> all = map(Values{1, 5, 2, 3, 4}, worker(), {.concurrency = 2});
  for (auto& [time, so_far] :
       std::vector<std::pair<int, std::string>>{{0, "1 5"}, {1, "1 5 2"}, {3, "1 5 2 3"}, {5, "1 5 2 3 4"}}) {
    loop.call_later(absl::Seconds(time) + absl::Milliseconds(1),
                    [this, words = so_far] { EXPECT_EQ(log.str(), words); });
  }
  run();
  EXPECT_THAT(all.value(), ElementsAre(10, 50, 20, 30, 40));
}

struct Bound {
  std::size_t concurrency;
  int most;
};
class MapBoundTest : public MapTest, public testing::WithParamInterface<Bound> {};

// folly 91: its `window`.
TEST_P(MapBoundTest, IsReachedAndNeverExceeded) {
  Promise<Values> all = map(Values{3, 1, 2, 2, 1, 5, 1, 1}, worker(), {.concurrency = GetParam().concurrency});
  run();
  EXPECT_EQ(most_under_way_, GetParam().most);
  EXPECT_THAT(all.value(), ElementsAre(30, 10, 20, 20, 10, 50, 10, 10));
}

INSTANTIATE_TEST_SUITE_P(MapTest, MapBoundTest,
                         testing::Values(Bound{0, 1}, Bound{1, 1}, Bound{2, 2}, Bound{7, 7}, Bound{8, 8}, Bound{9, 8},
                                         Bound{MapOptions().concurrency, 8}),
                         [](const auto& test) {
                           return test.param.concurrency > 9 ? std::string("None")
                                                             : std::to_string(test.param.concurrency);
                         });

TEST_F(MapTest, OfNoneTakesOneTick) {
  map(Values(), worker()).then(log.note("h"));
  resolve().then(log.note("1")).then(log.note("2"));
  run();
  EXPECT_EQ(log.str(), "h 1 2");
}

TEST_F(MapTest, OfSettledPromisesTakesTwoTicks) {
  map(Values{1, 2}, [](int x) { return x; }).then(log.note("h"));
  resolve().then(log.note("1")).then(log.note("2")).then(log.note("3"));
  run();
  EXPECT_EQ(log.str(), "1 h 2 3");
}

TEST_F(MapTest, TakesATickForEachIfOneAfterTheOther) {
  map(Values{1, 2}, [](int x) { return x; }, {.concurrency = 1}).then(log.note("h"));
  resolve().then(log.note("1")).then(log.note("2")).then(log.note("3"));
  run();
  EXPECT_EQ(log.str(), "1 2 h 3");
}

// folly 91, folly 92
TEST_F(MapTest, OfManySettledPromisesNeedsNoStack) {
  std::uintptr_t lowest = UINTPTR_MAX, highest = 0;
  auto f = [&](int x) {
    const auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    lowest = std::min(lowest, frame);
    highest = std::max(highest, frame);
    return x;
  };
  Values elements(100'000);
  std::iota(elements.begin(), elements.end(), 0);
  Promise<Values> all = map(elements, f, {.concurrency = 10});
  run();
  EXPECT_EQ(all.value(), elements);
  EXPECT_LT(highest - lowest, 16u * 1024);
}

TEST_F(MapTest, OfManyThatAreUnderWayCanBeCancelled) {
  Promise<Values> all = map(Numbers(0, 100'000), [](int) { return sleep(absl::Hours(1)).then([] { return 1; }); });
  all.cancel();
  poll();
  EXPECT_TRUE(loop.is_stalled());
}

TEST_F(MapTest, DestroysTheFunctionBeforeTheNextCallbackRuns) {
  map(Values{1, 2}, [end = log.at_end("destroyed")](int x) { return x; }).then(log.note("h"));
  run();
  EXPECT_EQ(log.str(), "destroyed h");
}

TEST_F(MapTest, KeepsTheFunctionWhileItIsNeeded) {
  Promise<Values> all =
      map(Values{1, 1}, [this, end = log.at_end("destroyed")](int x) { return work(x); }, {.concurrency = 1});
  run();
  EXPECT_EQ(log.str(), "1 1 destroyed");
}

TEST_F(MapTest, IsDroppedWithTheWorkGoingOn) {
  map(Values{1, 2, 3}, worker(), {.concurrency = 1});
  run();
  EXPECT_EQ(log.str(), "1 2 3");
}

TEST_F(MapTest, IsRejectedWhenTheLoopCloses) {
  ProbeCounts counts;
  Promise<Values> all = map(Values{1, 2, 3}, [this, p = Probe(counts)](int x) { return work(x); }, {.concurrency = 2});
  poll();
  loop.close();
  EXPECT_EQ(all.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(counts.live, 0);
  EXPECT_EQ(log.str(), "1 2");
}

TEST_F(MapTest, IsRejectedWhenTheLoopClosesOverAPromiseThatHasSettled) {
  ProbeCounts counts;
  Promise<std::vector<Probe>> all = map(Values{1, 2}, [&](int) { return Probe(counts); }, {.concurrency = 1});
  loop.close();
  EXPECT_EQ(all.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(counts.live, 0);
}

// folly 87
TEST_F(MapOfElementsTest, AreMovedFromAContainerThatIsGivenAway) {
  std::vector<std::unique_ptr<int>> elements;
  elements.push_back(std::make_unique<int>(5));
  Promise<Values> all = map(std::move(elements), [](std::unique_ptr<int> x) { return *x; });
  run();
  EXPECT_THAT(all.value(), ElementsAre(5));
}

TEST_F(MapOfElementsTest, AreCopiedFromAContainerThatIsKept) {
  ProbeCounts counts;
  const std::vector<Probe> kept(1, Probe(counts));
  counts.copies = 0;
  Promise<std::vector<bool>> all = map(kept, [](Probe p) { return p.is_whole(); });
  run();
  EXPECT_EQ(counts.copies, 1);
  EXPECT_THAT(all.value(), ElementsAre(true));
  EXPECT_TRUE(kept[0].is_whole());
}

TEST_F(MapOfElementsTest, LiveUntilTheirPromiseIsThere) {
  Promise<std::vector<std::string>> all =
      map(std::vector<std::string>{"a", "b"},
          [](std::string&& text) { return sleep(absl::Seconds(1)).then([text = std::move(text)] { return text; }); },
          {.concurrency = 1});
  run();
  EXPECT_THAT(all.value(), ElementsAre("a", "b"));
}

TEST_F(MapOfElementsTest, MayComeFromOtherContainers) {
  auto twice = [](int x) { return 2 * x; };
  Promise<Values> of_array = map(std::array{1, 2}, twice);
  Promise<Values> of_list = map(std::list<int>{3}, twice);
  Promise<Values> of_deque = map(std::deque<int>{4}, twice);
  Promise<Values> of_map = map(std::map<int, int>{{5, 6}}, [](std::pair<int, int> x) { return x.first * x.second; });
  run();
  EXPECT_THAT(of_array.value(), ElementsAre(2, 4));
  EXPECT_THAT(of_list.value(), ElementsAre(6));
  EXPECT_THAT(of_deque.value(), ElementsAre(8));
  EXPECT_THAT(of_map.value(), ElementsAre(30));
}

TEST_F(MapOfElementsTest, OfASpanAreTheOriginals) {
  int elements[] = {1, 2};
  map(std::span<int>(elements), [](int& x) { x *= 10; });
  run();
  EXPECT_THAT(elements, ElementsAre(10, 20));
}

TEST_F(MapOfElementsTest, OfAStringViewAreItsCharacters) {
  const std::string text = "abc";
  Promise<std::vector<char>> all = map(std::string_view(text), [](char c) { return static_cast<char>(c - 32); });
  run();
  EXPECT_THAT(all.value(), ElementsAre('A', 'B', 'C'));
}

// folly 91: its `times`.
TEST_F(MapOfElementsTest, MayBeMadeAsTheyAreAskedFor) {
  Promise<Values> all = map(Numbers(1, 4), worker(), {.concurrency = 1});
  run();
  EXPECT_THAT(all.value(), ElementsAre(10, 20, 30));
}

TEST_F(MapOfElementsTest, MayBeIgnored) {
  int calls = 0;
  Promise<Values> all = map(Values{1, 2}, [&] { return ++calls; });
  run();
  EXPECT_THAT(all.value(), ElementsAre(1, 2));
}

TEST_F(MapResultTest, OfNothingIsAPromiseOfNothing) {
  Promise<> all = map(Values{1, 2}, [](int) {});
  run();
  EXPECT_TRUE(all.is_fulfilled());
}

TEST_F(MapResultTest, OfPromisesOfNothingIsAPromiseOfNothing) {
  Promise<> all = map(Values{1, 2}, [](int x) { return sleep(absl::Seconds(x)); });
  poll();
  EXPECT_TRUE(all.is_pending());
  run();
  EXPECT_TRUE(all.is_fulfilled());
}

TEST_F(MapResultTest, MayBeAStatus) {
  Promise<> fulfilled = map(Values{1, 2}, [](int) { return absl::OkStatus(); });
  Promise<> rejected = map(Values{1, 2}, [](int x) { return x == 2 ? error() : absl::OkStatus(); });
  run();
  EXPECT_TRUE(fulfilled.is_fulfilled());
  EXPECT_EQ(rejected.status(), error());
}

TEST_F(MapResultTest, MayBeAStatusOr) {
  auto at_most = [](int most) {
    return [most](int x) -> absl::StatusOr<int> { return x <= most ? absl::StatusOr<int>(x) : error(); };
  };
  Promise<Values> fulfilled = map(Values{1, 2}, at_most(2));
  Promise<Values> rejected = map(Values{1, 2}, at_most(1));
  run();
  EXPECT_THAT(fulfilled.value(), ElementsAre(1, 2));
  EXPECT_EQ(rejected.status(), error());
}

// folly 87
TEST_F(MapResultTest, MayHaveNoCopyAndNoDefault) {
  struct Result {
    explicit Result(int x) : pointer(std::make_unique<int>(x)) {}
    std::unique_ptr<int> pointer;
  };
  Promise<std::vector<Result>> all = map(Values{1, 2}, [](int x) { return resolve(Result(x)); });
  run();
  EXPECT_EQ(*all.value()[1].pointer, 2);
}

TEST_F(MapResultTest, MayBeBooleans) {
  Promise<std::vector<bool>> all = map(Values{1, 2}, [](int x) { return x == 1; });
  run();
  EXPECT_THAT(all.value(), ElementsAre(true, false));
}

}  // namespace
}  // namespace vow
