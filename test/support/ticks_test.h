// A fixture that tells in which tick a callback runs, and what it takes to ask that of each of many forms.
//
//   const Form kForms[] = {
//       {"ThenAfterThen", kFulfilled, 2, 2, 2, [](Promise<int> p, Handler h) { p.then([] {}).then(h); }},
//   };
//
//   TEST_P(FormTest, TakesItsTicks) { expect_ticks(); }
//
//   INSTANTIATE_TEST_SUITE_P(OrderTest, FormTest, forms_in_all_timings(kForms), FormTest::name_of);

#ifndef VOW_TEST_SUPPORT_TICKS_TEST_H_
#define VOW_TEST_SUPPORT_TICKS_TEST_H_

#include <cstddef>
#include <functional>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "test/support/loop_test.h"

namespace vow {

// Logs "h", and can stand for any callback: it leads on to a Promise<int>.
using Handler = std::function<int()>;

class TicksTest : public LoopTest {
 protected:
  // Logs 1, 2, 3 ..., one in each tick from now on.
  void count_ticks(int from = 1) {
    loop.queue_microtask([this, from] {
      log.add(from);
      if (from < kTicks) count_ticks(from + 1);
    });
  }

  Handler h = [this] {
    log.add("h");
    return 0;
  };

  // The log when h ran in this tick: "1 h 2 3 ..." for the second.
  static std::string ran_in_tick(int tick) {
    Log expected;
    for (int i = 1; i <= kTicks; ++i) {
      if (i == tick) expected.add("h");
      expected.add(i);
    }
    return expected.str();
  }

  // A chain of `then`s, which log NAME1, NAME2 ... in one tick each.
  Promise<> chain(const std::string& name, int length) {
    Promise<> end = resolve();
    for (int i = 1; i <= length; ++i) end = end.then(log.note(name + std::to_string(i)));
    return end;
  }

 private:
  static constexpr int kTicks = 9;
};

enum class Settled { kBefore, kRightAfter, kByATimer };

// What leads from a promise to h, and the tick in which h is to run, counted from the settling of the promise, or from
// the call if it was settled before.
struct Form {
  const char* name;
  bool rejected;  // The promise's outcome.
  int ticks_if_before;
  int ticks_if_right_after;
  int ticks_if_by_a_timer;
  void (*attach)(Promise<int> p, Handler h);
};

inline constexpr bool kFulfilled = false;
inline constexpr bool kRejected = true;

class FormTest : public TicksTest, public testing::WithParamInterface<std::tuple<Form, Settled>> {
 public:
  static std::string name_of(const testing::TestParamInfo<ParamType>& test) {
    constexpr const char* kTimings[] = {"SettledBefore", "SettledRightAfter", "SettledByATimer"};
    const auto& [form, settled] = test.param;
    return std::string(form.name) + "_" + kTimings[static_cast<int>(settled)];
  }

 protected:
  void expect_ticks() {
    const auto& [form, settled] = GetParam();
    Deferred<int> source;
    auto settle = [&, rejected = form.rejected] {
      rejected ? source.reject(absl::NotFoundError("e")) : source.resolve(1);
    };
    int ticks = 0;
    switch (settled) {
      case Settled::kBefore:
        settle();
        form.attach(source.promise(), h);
        count_ticks();
        ticks = form.ticks_if_before;
        break;
      case Settled::kRightAfter:
        form.attach(source.promise(), h);
        settle();
        count_ticks();
        ticks = form.ticks_if_right_after;
        break;
      case Settled::kByATimer:
        form.attach(source.promise(), h);
        loop.call_later(absl::Seconds(1), [&] {
          settle();
          count_ticks();
        });
        ticks = form.ticks_if_by_a_timer;
        break;
    }
    run();
    EXPECT_EQ(log.str(), ran_in_tick(ticks));
  }
};

template <std::size_t kCount>
auto forms_in_all_timings(const Form (&forms)[kCount]) {
  return testing::Combine(testing::ValuesIn(forms),
                          testing::Values(Settled::kBefore, Settled::kRightAfter, Settled::kByATimer));
}

}  // namespace vow

#endif  // VOW_TEST_SUPPORT_TICKS_TEST_H_
