// When a callback runs, to the tick. Every expected order in this file is what Node.js 20 gives for the same program.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/promise.h"
#include "promise/when_all.h"
#include "test/support/ticks_test.h"

namespace vow {
namespace {

absl::Status error() { return absl::NotFoundError("e"); }

const Form kForms[] = {
    {"Then", kFulfilled, 1, 1, 1, [](Promise<int> p, Handler h) { p.then(h); }},
    {"ThenAfterThen", kFulfilled, 2, 2, 2, [](Promise<int> p, Handler h) { p.then([](int x) { return x; }).then(h); }},
    {"ThenAfterThenOfNothing", kFulfilled, 2, 2, 2, [](Promise<int> p, Handler h) { p.then([] {}).then(h); }},
    {"ThenAfterThenOfStatusOr", kFulfilled, 2, 2, 2,
     [](Promise<int> p, Handler h) { p.then([]() -> absl::StatusOr<int> { return 1; }).then(h); }},
    {"ThreeThens", kFulfilled, 3, 3, 3, [](Promise<int> p, Handler h) { p.then([] {}).then([] {}).then(h); }},
    {"CatchAfterThenThatFails", kFulfilled, 2, 2, 2,
     [](Promise<int> p, Handler h) { p.then([]() -> absl::StatusOr<int> { return error(); }).catch_(h); }},
    {"ThenReturningSettled", kFulfilled, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.then([](int x) { return resolve(x); }).then(h); }},
    {"ThenReturningRejected", kFulfilled, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.then([] { return reject<int>(error()); }).catch_(h); }},
    {"ThenReturningThen", kFulfilled, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.then([](int x) { return resolve(x).then([] {}); }).then(h); }},
    {"ThenReturningItsSource", kFulfilled, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.then([p] { return p; }).then(h); }},
    {"ThenReturningFinally", kFulfilled, 6, 6, 6,
     [](Promise<int> p, Handler h) { p.then([p] { return p.finally([] {}); }).then(h); }},
    {"ThenReturningWhenAll", kFulfilled, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.then([p] { return when_all({p}); }).then(h); }},
    {"ThenWithTwo", kFulfilled, 1, 1, 1, [](Promise<int> p, Handler h) { p.then(h, [] { return 0; }); }},
    {"ThenAfterThenWithTwo", kFulfilled, 2, 2, 2,
     [](Promise<int> p, Handler h) { p.then([] {}, [] {}).then(h); }},
    {"CatchThatPasses", kFulfilled, 2, 2, 2,
     [](Promise<int> p, Handler h) { p.catch_([] { return 0; }).then(h); }},
    {"FinallyOfNothing", kFulfilled, 4, 4, 4, [](Promise<int> p, Handler h) { p.finally([] {}).then(h); }},
    {"FinallyOfValue", kFulfilled, 4, 4, 4, [](Promise<int> p, Handler h) { p.finally([] { return 5; }).then(h); }},
    {"FinallyOfOkStatus", kFulfilled, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.finally([] { return absl::OkStatus(); }).then(h); }},
    {"FinallyOfSettled", kFulfilled, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.finally([] { return resolve(); }).then(h); }},
    {"FinallyOfRejected", kFulfilled, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.finally([] { return reject(error()); }).catch_(h); }},
    {"FinallyThatFails", kFulfilled, 2, 2, 2,
     [](Promise<int> p, Handler h) { p.finally([] { return error(); }).catch_(h); }},
    {"FinallyAfterThen", kFulfilled, 5, 5, 5, [](Promise<int> p, Handler h) { p.then([] {}).finally([] {}).then(h); }},
    {"TwoFinallys", kFulfilled, 7, 7, 7, [](Promise<int> p, Handler h) { p.finally([] {}).finally([] {}).then(h); }},
    {"Settled", kFulfilled, 2, 2, 2, [](Promise<int> p, Handler h) { p.settled().then(h); }},
    {"ResolvedWith", kFulfilled, 3, 3, 2,
     [](Promise<int> p, Handler h) {
       Deferred<int> d;
       d.resolve(p);
       d.promise().then(h);
     }},
    {"AttemptReturning", kFulfilled, 3, 3, 2, [](Promise<int> p, Handler h) { attempt([p] { return p; }).then(h); }},
    {"ResolveOfPromise", kFulfilled, 1, 1, 1, [](Promise<int> p, Handler h) { resolve(p).then(h); }},
    {"WhenAllOfOne", kFulfilled, 2, 2, 2, [](Promise<int> p, Handler h) { when_all({p}).then(h); }},
    {"WhenAllOfThree", kFulfilled, 2, 2, 2,
     [](Promise<int> p, Handler h) { when_all({resolve(1), p, resolve(2)}).then(h); }},
    {"WhenAllOfPack", kFulfilled, 2, 2, 2, [](Promise<int> p, Handler h) { when_all(resolve(), p).then(h); }},
    {"WhenAllOfTheSameTwice", kFulfilled, 2, 2, 2, [](Promise<int> p, Handler h) { when_all({p, p}).then(h); }},
    {"WhenAllOfWhenAll", kFulfilled, 3, 3, 3, [](Promise<int> p, Handler h) { when_all({when_all({p})}).then(h); }},

    {"Catch", kRejected, 1, 1, 1, [](Promise<int> p, Handler h) { p.catch_(h); }},
    {"CatchAfterThen", kRejected, 2, 2, 2, [](Promise<int> p, Handler h) { p.then([] { return 0; }).catch_(h); }},
    {"ThenAfterCatch", kRejected, 2, 2, 2, [](Promise<int> p, Handler h) { p.catch_([] { return 0; }).then(h); }},
    {"CatchReturningSettled", kRejected, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.catch_([] { return resolve(0); }).then(h); }},
    {"CatchAfterCatchThatFails", kRejected, 2, 2, 2,
     [](Promise<int> p, Handler h) { p.catch_([] { return error(); }).catch_(h); }},
    {"ThenWithTwoOfRejected", kRejected, 1, 1, 1, [](Promise<int> p, Handler h) { p.then([] { return 0; }, h); }},
    {"ResolvedWithRejected", kRejected, 3, 3, 2,
     [](Promise<int> p, Handler h) {
       Deferred<int> d;
       d.resolve(p);
       d.promise().catch_(h);
     }},
    {"FinallyOfNothingAfterError", kRejected, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.finally([] {}).catch_(h); }},
    {"FinallyOfSettledAfterError", kRejected, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.finally([] { return resolve(); }).catch_(h); }},
    {"FinallyThatFailsAfterError", kRejected, 2, 2, 2,
     [](Promise<int> p, Handler h) { p.finally([] { return error(); }).catch_(h); }},
    {"SettledOfRejected", kRejected, 2, 2, 2, [](Promise<int> p, Handler h) { p.settled().then(h); }},
    {"WhenAllOfRejected", kRejected, 2, 2, 2,
     [](Promise<int> p, Handler h) { when_all({p}).then([] { return 0; }, h); }},
    {"WhenAllOfThreeWithRejected", kRejected, 2, 2, 2,
     [](Promise<int> p, Handler h) { when_all({resolve(1), p, resolve(2)}).then([] { return 0; }, h); }},
    {"WhenAllOfPackWithRejected", kRejected, 2, 2, 2,
     [](Promise<int> p, Handler h) { when_all(resolve(), p).then([] { return 0; }, h); }},
};

TEST_P(FormTest, TakesItsTicks) { expect_ticks(); }

INSTANTIATE_TEST_SUITE_P(OrderTest, FormTest, forms_in_all_timings(kForms), FormTest::name_of);

// Forms that wait for a second promise, which settles only after the callback returned it.
struct LateForm {
  const char* name;
  int ticks;  // After that.
  void (*attach)(Promise<int> late, Handler h);
};

const LateForm kLateForms[] = {
    {"ThenReturningPending", 2, [](Promise<int> late, Handler h) { resolve().then([late] { return late; }).then(h); }},
    {"CatchReturningPending", 2,
     [](Promise<int> late, Handler h) { reject<int>(error()).catch_([late] { return late; }).then(h); }},
    {"FinallyOfPending", 3, [](Promise<int> late, Handler h) { resolve().finally([late] { return late; }).then(h); }},
    {"ThenReturningThenOfPending", 3,
     [](Promise<int> late, Handler h) { resolve().then([late] { return late.then([] {}); }).then(h); }},
    {"TwoLevels", 3,
     [](Promise<int> late, Handler h) {
       resolve().then([late] { return resolve().then([late] { return late; }); }).then(h);
     }},
};

class LateFormTest : public TicksTest, public testing::WithParamInterface<LateForm> {};

TEST_P(LateFormTest, TakesItsTicks) {
  Deferred<int> late;
  GetParam().attach(late.promise(), h);
  loop.call_later(absl::Seconds(1), [&] {
    late.resolve(1);
    count_ticks();
  });
  run();
  EXPECT_EQ(log.str(), ran_in_tick(GetParam().ticks));
}

INSTANTIATE_TEST_SUITE_P(OrderTest, LateFormTest, testing::ValuesIn(kLateForms),
                         [](const testing::TestParamInfo<LateForm>& test) { return test.param.name; });

using OrderTest = TicksTest;

TEST_F(OrderTest, WhenAllOfNothingTakesOneTick) {
  when_all(std::vector<Promise<int>>()).then(h);
  count_ticks();
  run();
  EXPECT_EQ(log.str(), ran_in_tick(1));
}

TEST_F(OrderTest, MakePromiseThatResolvesTakesOneTick) {
  make_promise<int>([](Deferred<int> d) { d.resolve(1); }).then(h);
  count_ticks();
  run();
  EXPECT_EQ(log.str(), ran_in_tick(1));
}

TEST_F(OrderTest, AttemptOfAValueTakesOneTick) {
  attempt([] { return 1; }).then(h);
  count_ticks();
  run();
  EXPECT_EQ(log.str(), ran_in_tick(1));
}

TEST_F(OrderTest, AttemptThatFailsTakesOneTick) {
  attempt([]() -> absl::StatusOr<int> { return error(); }).catch_(h);
  count_ticks();
  run();
  EXPECT_EQ(log.str(), ran_in_tick(1));
}

// Whole programs.
class ProgramTest : public TicksTest {
 protected:
  void later(int seconds, std::function<void()> f) { loop.call_later(absl::Seconds(seconds), std::move(f)); }
};

TEST_F(ProgramTest, TwoChains) {
  chain("a", 3);
  chain("b", 3);
  run();
  EXPECT_EQ(log.str(), "a1 b1 a2 b2 a3 b3");
}

TEST_F(ProgramTest, PromiseReturnedNextToAChain) {
  resolve()
      .then([this] {
        log.add("a1");
        return resolve(4);
      })
      .then([this](int x) { log.add("a" + std::to_string(x)); });
  chain("b", 5);
  run();
  EXPECT_EQ(log.str(), "a1 b1 b2 b3 a4 b4 b5");
}

TEST_F(ProgramTest, DeferredResolvedWithAPromiseNextToAChain) {
  Deferred<> d;
  d.resolve(resolve());
  d.promise().then(log.note("d1")).then(log.note("d2"));
  chain("a", 4);
  run();
  EXPECT_EQ(log.str(), "a1 a2 d1 a3 d2 a4");
}

TEST_F(ProgramTest, FinallyNextToAChain) {
  resolve()
      .finally(log.note("f1"))
      .then(log.note("f2"))
      .finally([this] {
        log.add("f3");
        return resolve();
      })
      .then(log.note("f4"));
  chain("a", 10);
  run();
  EXPECT_EQ(log.str(), "f1 a1 a2 a3 f2 a4 f3 a5 a6 a7 f4 a8 a9 a10");
}

TEST_F(ProgramTest, ErrorPassesNextToAValue) {
  reject(error()).then(log.note("x")).then(log.note("x")).catch_(log.note("e1")).then(log.note("e2"));
  resolve().catch_(log.note("x")).then(log.note("v1")).catch_(log.note("x")).then(log.note("v2"));
  chain("a", 5);
  run();
  EXPECT_EQ(log.str(), "a1 v1 a2 e1 a3 e2 v2 a4 a5");
}

TEST_F(ProgramTest, TwoCallbacksAgainstThenAndCatch) {
  reject(error()).then(log.note("x"), log.note("two")).then(log.note("two2"));
  reject(error()).then(log.note("x")).catch_(log.note("catch")).then(log.note("catch2"));
  resolve().then(error, log.note("x")).catch_(log.note("fails")).then(log.note("fails2"));
  run();
  EXPECT_EQ(log.str(), "two two2 catch fails catch2 fails2");
}

TEST_F(ProgramTest, WhenAllOfInputsThatSettleAtDifferentTicks) {
  Promise<> one = resolve().then(log.note("one"));
  Promise<> three = resolve().then([] {}).then([] {}).then(log.note("three"));
  Promise<> two = resolve().then([] {}).then(log.note("two"));
  when_all({three, one, two}).then(log.note("all")).then(log.note("after"));
  chain("a", 7);
  run();
  EXPECT_EQ(log.str(), "one a1 two a2 three a3 a4 all a5 after a6 a7");
}

TEST_F(ProgramTest, WhenAllRejectedByTheFirst) {
  Promise<> early = resolve().then(error);
  Promise<> late = resolve().then([] {}).then(error);
  when_all({late, early, resolve()}).then(log.note("x"), log.note("all"));
  early.catch_(log.note("early"));
  late.catch_(log.note("late"));
  chain("a", 4);
  run();
  EXPECT_EQ(log.str(), "a1 early a2 all late a3 a4");
}

TEST_F(ProgramTest, WhenAllInsideOfWhenAll) {
  Deferred<> d;
  when_all(when_all({d.promise(), resolve()}), d.promise().then(log.note("t"))).then(log.note("all"));
  when_all(std::vector<Promise<>>()).then(log.note("none"));
  resolve()
      .then([&] {
        log.add("m1");
        d.resolve();
      })
      .then(log.note("m2"))
      .then(log.note("m3"))
      .then(log.note("m4"))
      .then(log.note("m5"));
  run();
  EXPECT_EQ(log.str(), "none m1 t m2 m3 all m4 m5");
}

TEST_F(ProgramTest, ReactionsAttachedDuringDelivery) {
  Deferred<> d;
  Promise<> p = d.promise();
  p.then([&] {
    log.add("a");
    p.then(log.note("c"));
    p.then([&] {
      log.add("d");
      p.then(log.note("f"));
    });
  });
  p.then(log.note("b")).then(log.note("e"));
  d.resolve();
  run();
  EXPECT_EQ(log.str(), "a b c d e f");
}

TEST_F(ProgramTest, ReactionsThatSettleEachOther) {
  Deferred<> a, b, c;
  c.promise().then(log.note("c1"));
  b.promise()
      .then([&] {
        log.add("b1");
        c.resolve();
      })
      .then(log.note("b2"));
  a.promise()
      .then([&] {
        log.add("a1");
        b.resolve();
        loop.queue_microtask(log.note("m"));
      })
      .then(log.note("a2"));
  c.promise().then(log.note("c2"));
  a.resolve();
  run();
  EXPECT_EQ(log.str(), "a1 b1 m a2 c1 c2 b2");
}

TEST_F(ProgramTest, MicrotasksBetweenTimers) {
  Deferred<> d;
  later(1, [&] {
    log.add("t1");
    d.resolve();
    resolve().then(log.note("m1")).then(log.note("m2"));
  });
  later(1, [&] {
    log.add("t2");
    resolve().then(log.note("m3"));
  });
  later(2, [&] {
    log.add("t3");
    d.promise().then(log.note("d2"));
  });
  d.promise().then(log.note("d1"));
  resolve().then(log.note("m0"));
  log.add("sync");
  run();
  EXPECT_EQ(log.str(), "sync m0 t1 d1 m1 m2 t2 m3 t3 d2");
}

TEST_F(ProgramTest, TimersThatSettleEachOther) {
  Deferred<> a, b;
  when_all(a.promise(), b.promise()).then(log.note("all"));
  later(2, [&] {
    log.add("t2");
    a.resolve();
  });
  later(1, [&] {
    log.add("t1");
    a.promise()
        .then([&] {
          log.add("a");
          b.resolve();
        })
        .then(log.note("a2"));
    later(1, log.note("t3"));
  });
  later(3, log.note("t4"));
  b.promise().finally(log.note("b"));
  run();
  EXPECT_EQ(log.str(), "t1 t2 a b a2 all t3 t4");
}

TEST_F(ProgramTest, ChainsInsideOfACallback) {
  resolve()
      .then([this] {
        log.add("a1");
        chain("b", 3);
      })
      .then([this] {
        log.add("a2");
        chain("c", 2);
      })
      .then(log.note("a3"))
      .then(log.note("a4"));
  run();
  EXPECT_EQ(log.str(), "a1 b1 a2 b2 c1 a3 b3 c2 a4");
}

TEST_F(ProgramTest, ReturnedPromiseSettledByAnotherChain) {
  Deferred<> inner;
  resolve()
      .then([&] {
        log.add("a1");
        return inner.promise();
      })
      .then(log.note("a2"));
  inner.promise().then(log.note("i1"));
  resolve()
      .then(log.note("b1"))
      .then([&] {
        log.add("b2");
        inner.resolve();
      })
      .then(log.note("b3"))
      .then(log.note("b4"))
      .then(log.note("b5"));
  run();
  EXPECT_EQ(log.str(), "a1 b1 b2 i1 b3 a2 b4 b5");
}

TEST_F(ProgramTest, ReturnedPromiseSettledRightBeforeItIsFollowed) {
  Deferred<> inner;
  resolve()
      .then([&] {
        log.add("a1");
        return inner.promise();
      })
      .then(log.note("a2"));
  resolve()
      .then([&] {
        log.add("b1");
        inner.resolve();
      })
      .then(log.note("b2"))
      .then(log.note("b3"))
      .then(log.note("b4"))
      .then(log.note("b5"));
  run();
  EXPECT_EQ(log.str(), "a1 b1 b2 b3 a2 b4 b5");
}

TEST_F(ProgramTest, OnePromiseReturnedByTwoCallbacks) {
  Deferred<> d;
  resolve().then([&] { return d.promise(); }).then(log.note("a"));
  resolve().then([] {}).then([&] { return d.promise(); }).then(log.note("b"));
  d.promise().then(log.note("d"));
  later(1, [&] {
    d.resolve();
    chain("m", 5);
  });
  run();
  EXPECT_EQ(log.str(), "d m1 a b m2 m3 m4 m5");
}

TEST_F(ProgramTest, TwoThatFollowOne) {
  Deferred<> source, a, b;
  b.promise().then(log.note("b"));
  a.promise().then(log.note("a"));
  source.promise().then(log.note("s1"));
  a.resolve(source.promise());
  b.resolve(source.promise());
  source.promise().then(log.note("s2"));
  resolve()
      .then(log.note("m1"))
      .then(log.note("m2"))
      .then([&] { source.resolve(); })
      .then(log.note("m4"))
      .then(log.note("m5"));
  run();
  EXPECT_EQ(log.str(), "m1 m2 s1 s2 m4 a b m5");
}

TEST_F(ProgramTest, FollowersThatAreFollowed) {
  Deferred<> a, b, c;
  c.promise().then(log.note("c"));
  b.promise().then(log.note("b"));
  a.promise().then(log.note("a"));
  c.resolve(b.promise());
  b.resolve(a.promise());
  a.resolve(resolve());
  chain("m", 9);
  run();
  EXPECT_EQ(log.str(), "m1 m2 a m3 b m4 c m5 m6 m7 m8 m9");
}

TEST_F(ProgramTest, LaterSettlingsAreIgnored) {
  Deferred<> d, p;
  d.resolve(p.promise());
  d.resolve();
  d.reject(error());
  d.promise().then(log.note("x"), log.note("d"));
  resolve()
      .then(log.note("m1"))
      .then([&] {
        log.add("m2");
        p.reject(error());
      })
      .then(log.note("m3"))
      .then(log.note("m4"))
      .then(log.note("m5"));
  p.promise().catch_(log.note("p"));
  run();
  EXPECT_EQ(log.str(), "m1 m2 p m3 d m4 m5");
}

TEST_F(ProgramTest, ThreeLevelsOfReturnedPromises) {
  resolve()
      .then([this] {
        log.add("a1");
        return resolve().then([this] {
          log.add("a2");
          return resolve().then(log.note("a3"));
        });
      })
      .then(log.note("a4"));
  chain("m", 11);
  run();
  EXPECT_EQ(log.str(), "a1 m1 a2 m2 a3 m3 m4 m5 a4 m6 m7 m8 m9 m10 m11");
}

TEST_F(ProgramTest, TwoLoopsOfReturnedPromises) {
  std::function<Promise<int>(std::string, int)> count_down = [&](std::string name, int n) {
    return resolve(n).then([&, name](int x) {
      log.add(name + std::to_string(x));
      return x == 0 ? resolve(0) : count_down(name, x - 1);
    });
  };
  count_down("a", 2).then(log.note("A"));
  count_down("b", 1).then(log.note("B"));
  chain("m", 12);
  run();
  EXPECT_EQ(log.str(), "a2 b1 m1 a1 b0 m2 a0 m3 m4 m5 B m6 m7 A m8 m9 m10 m11 m12");
}

TEST_F(ProgramTest, ExecutorsRunAtOnce) {
  make_promise([&](Deferred<> d) {
    log.add("e1");
    d.resolve();
  }).then(log.note("t1"));
  make_promise([&](Deferred<> d) {
    log.add("e2");
    d.resolve(make_promise([&](Deferred<> inner) {
      log.add("e3");
      inner.resolve();
    }));
  }).then(log.note("t2"));
  log.add("sync");
  chain("m", 4);
  run();
  EXPECT_EQ(log.str(), "e1 e2 e3 sync t1 m1 m2 t2 m3 m4");
}

TEST_F(ProgramTest, FinallyOfAPendingPromise) {
  Deferred<> d;
  reject(error())
      .finally([&] {
        log.add("f1");
        return d.promise();
      })
      .catch_(log.note("f2"))
      .finally(log.note("f3"))
      .then(log.note("f4"));
  d.promise().then(log.note("d"));
  Promise<> p = resolve().then(log.note("m1")).then([&] {
    log.add("m2");
    d.resolve();
  });
  for (int i = 3; i <= 9; ++i) p = p.then(log.note("m" + std::to_string(i)));
  run();
  EXPECT_EQ(log.str(), "f1 m1 m2 d m3 m4 f2 m5 f3 m6 m7 m8 f4 m9");
}

TEST_F(ProgramTest, FinallyThatReplacesTheError) {
  auto tell = [this](absl::Status status) { log.add("c" + std::string(status.message())); };
  reject(error())
      .finally([this]() -> absl::Status {
        log.add("f1");
        return absl::UnknownError("g");
      })
      .catch_(tell);
  resolve()
      .finally([this] {
        log.add("f2");
        return reject(absl::UnknownError("h"));
      })
      .catch_(tell);
  reject(error()).finally(log.note("f3")).catch_(tell);
  chain("m", 4);
  run();
  EXPECT_EQ(log.str(), "f1 f2 f3 m1 cg m2 m3 ch ce m4");
}

TEST_F(ProgramTest, RecoveryByAPromise) {
  reject(error())
      .catch_([this] {
        log.add("c1");
        return resolve();
      })
      .then([this] {
        log.add("c2");
        return reject(error());
      })
      .catch_(log.note("c3"));
  chain("m", 9);
  run();
  EXPECT_EQ(log.str(), "c1 m1 m2 m3 c2 m4 m5 m6 c3 m7 m8 m9");
}

}  // namespace
}  // namespace vow
