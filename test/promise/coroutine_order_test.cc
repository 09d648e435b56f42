// When a coroutine goes on, to the tick. Every expected order in this file is what Node.js 20 gives for the same program,
// with an async function for each coroutine, `await undefined` for `co_await resolve()`, and for `co_await p.settled()`
// `await p.then((x) => x, (e) => e)`. (test/ecmascript asks it about programs made at random.)

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "promise/all_settled.h"
#include "promise/coroutine.h"
#include "promise/promise.h"
#include "promise/race.h"
#include "promise/sleep.h"
#include "promise/when_all.h"
#include "promise/when_any.h"
#include "test/support/ticks_test.h"

namespace vow {
namespace {

absl::Status error() { return absl::NotFoundError("e"); }

Promise<int> await_then(Promise<int> p, Handler h) {
  co_await p;
  co_return h();
}
Promise<int> await_twice_then(Promise<int> p, Handler h) {
  co_await p;
  co_await p;
  co_return h();
}
Promise<int> await_settled_then(Promise<int> p, Handler h) {
  (co_await p.settled()).IgnoreError();
  co_return h();
}
Promise<int> await_all_then(Promise<int> p, Handler h) {
  const Promise<std::vector<int>> all = when_all({p});
  co_await all;
  co_return h();
}
Promise<int> zero() { co_return 0; }
Promise<int> value_of(Promise<int> p) { co_return co_await p; }
Promise<> wait_for(Promise<int> p) { co_await p; }
Promise<int> give(Promise<int> p) { co_return p; }
Promise<int> wait_and_give(Promise<int> p) {
  co_await p;
  co_return p;
}
Promise<int> wait_and_fail(Promise<int> p) {
  co_await p;
  co_return error();
}
Promise<int> fail() { co_return error(); }

Promise<int> resolved_with(Promise<int> p) {
  Deferred<int> d;
  d.resolve(std::move(p));
  return d.promise();
}

const Form kForms[] = {
    {"Await", kFulfilled, 1, 1, 1, [](Promise<int> p, Handler h) { await_then(p, h); }},
    {"AwaitOfOneGivenAway", kFulfilled, 1, 1, 1,
     [](Promise<int> p, Handler h) {
       [](Promise<int> given, Handler then) -> Promise<int> {
         co_await std::move(given);
         co_return then();
       }(std::move(p), h);
     }},
    {"AwaitTwice", kFulfilled, 2, 2, 2, [](Promise<int> p, Handler h) { await_twice_then(p, h); }},
    {"ThenAfterCoroutine", kFulfilled, 2, 2, 2, [](Promise<int> p, Handler h) { value_of(p).then(h); }},
    {"ThenAfterCoroutineOfNothing", kFulfilled, 2, 2, 2, [](Promise<int> p, Handler h) { wait_for(p).then(h); }},
    {"AwaitOfCoroutine", kFulfilled, 2, 2, 2, [](Promise<int> p, Handler h) { await_then(value_of(p), h); }},
    {"ThreeCoroutinesThatAwait", kFulfilled, 4, 4, 4,
     [](Promise<int> p, Handler h) { value_of(value_of(value_of(p))).then(h); }},
    {"CoroutineReturning", kFulfilled, 3, 3, 2, [](Promise<int> p, Handler h) { give(p).then(h); }},
    {"ThreeCoroutinesThatReturn", kFulfilled, 5, 5, 4, [](Promise<int> p, Handler h) { give(give(give(p))).then(h); }},
    {"AwaitThenReturning", kFulfilled, 4, 4, 4, [](Promise<int> p, Handler h) { wait_and_give(p).then(h); }},
    {"AwaitOfThen", kFulfilled, 2, 2, 2,
     [](Promise<int> p, Handler h) { await_then(p.then([](int x) { return x; }), h); }},
    {"AwaitOfSettled", kFulfilled, 2, 2, 2, [](Promise<int> p, Handler h) { await_settled_then(p, h); }},
    {"AwaitOfFinally", kFulfilled, 4, 4, 4, [](Promise<int> p, Handler h) { await_then(p.finally([] {}), h); }},
    {"AwaitOfWhenAll", kFulfilled, 2, 2, 2, [](Promise<int> p, Handler h) { await_all_then(p, h); }},
    {"AwaitOfResolvedWith", kFulfilled, 3, 3, 2, [](Promise<int> p, Handler h) { await_then(resolved_with(p), h); }},
    {"WhenAllOfCoroutine", kFulfilled, 3, 3, 3, [](Promise<int> p, Handler h) { when_all({value_of(p)}).then(h); }},
    {"ThenReturningCoroutine", kFulfilled, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.then([] { return zero(); }).then(h); }},
    {"ThenReturningCoroutineThatAwaits", kFulfilled, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.then([p] { return value_of(p); }).then(h); }},
    {"FinallyOfCoroutine", kFulfilled, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.finally([] { return zero(); }).then(h); }},
    {"CatchAfterCoroutineThatFails", kFulfilled, 2, 2, 2,
     [](Promise<int> p, Handler h) { wait_and_fail(p).catch_(h); }},

    {"CatchAfterCoroutine", kRejected, 2, 2, 2, [](Promise<int> p, Handler h) { value_of(p).catch_(h); }},
    {"CatchAfterTwoCoroutines", kRejected, 3, 3, 3, [](Promise<int> p, Handler h) { value_of(value_of(p)).catch_(h); }},
    {"CoroutineReturningRejected", kRejected, 3, 3, 2, [](Promise<int> p, Handler h) { give(p).catch_(h); }},
    {"ThreeCoroutinesThatReturnRejected", kRejected, 5, 5, 4,
     [](Promise<int> p, Handler h) { give(give(give(p))).catch_(h); }},
    {"AwaitOfSettledOfRejected", kRejected, 2, 2, 2, [](Promise<int> p, Handler h) { await_settled_then(p, h); }},
    {"CatchReturningCoroutine", kRejected, 4, 4, 4,
     [](Promise<int> p, Handler h) { p.catch_([] { return zero(); }).then(h); }},
    {"AwaitOfWhenAllOfRejected", kRejected, 3, 3, 3,
     [](Promise<int> p, Handler h) { await_all_then(p, [] { return 0; }).catch_(h); }},
};

TEST_P(FormTest, TakesItsTicks) { expect_ticks(); }

INSTANTIATE_TEST_SUITE_P(CoroutineOrderTest, FormTest, forms_in_all_timings(kForms), FormTest::name_of);

class CoroutineOrderTest : public TicksTest {
 protected:
  // Logs NAME after so many awaits, and returns their number.
  Promise<int> note_after(int awaits, std::string name) {
    for (int i = 0; i < awaits; ++i) co_await resolve();
    log.add(name);
    co_return awaits;
  }
  // The same, but fails.
  Promise<int> fail_after(int awaits, std::string name) {
    for (int i = 0; i < awaits; ++i) co_await resolve();
    log.add(name);
    co_return error();
  }
  // Logs NAME, awaits once, logs NAME2.
  Promise<> note_twice(std::string name) {
    log.add(name);
    co_await resolve();
    log.add(name + "2");
  }
};

TEST_F(CoroutineOrderTest, CoroutineThatReturnsAValueTakesOneTick) {
  zero().then(h);
  count_ticks();
  run();
  EXPECT_EQ(log.str(), ran_in_tick(1));
}

TEST_F(CoroutineOrderTest, CoroutineThatFailsTakesOneTick) {
  fail().catch_(h);
  count_ticks();
  run();
  EXPECT_EQ(log.str(), ran_in_tick(1));
}

// Whole programs.

TEST_F(CoroutineOrderTest, TwoCoroutinesTakeTurns) {
  const auto count = [this](std::string name) -> Promise<> {
    for (int i = 1; i <= 3; ++i) {
      log.add(name + std::to_string(i));
      co_await resolve();
    }
    log.add(name + "end");
  };
  count("a");
  count("b");
  log.add("called");
  run();
  EXPECT_EQ(log.str(), "a1 b1 called a2 b2 a3 b3 aend bend");
}

TEST_F(CoroutineOrderTest, TheCallerGoesOnWhenTheCoroutineFirstAwaits) {
  const auto inner = [this]() -> Promise<> {
    log.add("inner");
    co_return;
  };
  const auto outer = [&]() -> Promise<> {
    log.add("outer");
    co_await inner();
    log.add("outer2");
  };
  log.add("begin");
  loop.call_later(absl::ZeroDuration(), log.note("timer"));
  outer();
  make_promise<int>([this](Deferred<int> d) {
    log.add("executor");
    d.resolve(1);
  }).then(log.note("then"));
  log.add("end");
  run();
  EXPECT_EQ(log.str(), "begin outer inner executor end outer2 then timer");
}

TEST_F(CoroutineOrderTest, PromiseReturnedNextToAChain) {
  const auto f = [this]() -> Promise<int> {
    log.add("f1");
    co_await resolve();
    log.add("f2");
    co_return resolve(3);
  };
  f().then([this](int x) { log.add("f" + std::to_string(x)); });
  chain("a", 6);
  run();
  EXPECT_EQ(log.str(), "f1 f2 a1 a2 a3 f3 a4 a5 a6");
}

TEST_F(CoroutineOrderTest, ToReturnAPromiseTakesLongerThanToAwaitIt) {
  const Promise<int> p = resolve(1);
  give(p).then(log.note("return"));
  wait_for(p).then(log.note("await"));
  zero().then(log.note("neither"));
  chain("a", 4);
  run();
  EXPECT_EQ(log.str(), "neither a1 await a2 return a3 a4");
}

TEST_F(CoroutineOrderTest, AwaitsAndThensOfOnePromiseRunInTheOrderOfAsking) {
  Deferred<int> d;
  const Promise<int> p = d.promise();
  const auto f = [this, p](std::string name) -> Promise<> {
    co_await p;
    log.add(name);
    co_await p;
    log.add(name + "2");
  };
  f("f");
  p.then(log.note("t")).then(log.note("t2"));
  f("g");
  p.finally(log.note("u"));
  f("h");
  d.resolve(1);
  run();
  EXPECT_EQ(log.str(), "f t g u h f2 t2 g2 h2");
}

TEST_F(CoroutineOrderTest, CoroutinesThatWakeEachOther) {
  Deferred<> a, b, c;
  const auto f = [&]() -> Promise<> {
    co_await a.promise();
    log.add("f1");
    b.resolve();
    co_await c.promise();
    log.add("f2");
  };
  const auto g = [&]() -> Promise<> {
    co_await b.promise();
    log.add("g1");
    c.resolve();
    co_await b.promise();
    log.add("g2");
  };
  f().then(log.note("f3"));
  g().then(log.note("g3"));
  c.promise().then(log.note("c"));
  b.promise().then(log.note("b"));
  a.resolve();
  log.add("m");
  run();
  EXPECT_EQ(log.str(), "m f1 g1 b c f2 g2 f3 g3");
}

TEST_F(CoroutineOrderTest, WhenAllAndRaceOfCoroutinesOfDifferentLengths) {
  when_all({note_after(3, "three"), note_after(0, "none"), note_after(1, "one")}).then(log.note("all"));
  const Promise<int> x = note_after(2, "x");
  const Promise<int> y = note_after(1, "y");
  race({x, y}).then([this](int winner) { log.add("race" + std::to_string(winner)); });
  chain("a", 7);
  run();
  EXPECT_EQ(log.str(), "none one y a1 x a2 three race1 a3 a4 all a5 a6 a7");
}

TEST_F(CoroutineOrderTest, WhenAnyOfCoroutinesThatFail) {
  when_any({fail_after(2, "two"), fail_after(0, "none"), fail_after(1, "one")}).catch_([this] {
    log.add("any");
    return 0;
  });
  chain("a", 6);
  run();
  EXPECT_EQ(log.str(), "none one a1 two a2 a3 any a4 a5 a6");
}

TEST_F(CoroutineOrderTest, AllSettledOfCoroutines) {
  all_settled({fail_after(2, "fails"), note_after(1, "ok")}).then(log.note("settled"));
  chain("a", 5);
  run();
  EXPECT_EQ(log.str(), "ok a1 fails a2 a3 settled a4 a5");
}

TEST_F(CoroutineOrderTest, ARejectionEndsOneCoroutineAfterTheOther) {
  const auto f = [this]() -> Promise<> {
    co_await resolve().then(error);
    log.add("x");
  };
  const auto g = [&]() -> Promise<> {
    co_await f();
    log.add("x");
  };
  g().then(log.note("x")).catch_(log.note("caught")).finally(log.note("finally")).then(log.note("after"));
  chain("a", 9);
  run();
  EXPECT_EQ(log.str(), "a1 a2 a3 a4 caught a5 finally a6 a7 a8 after a9");
}

TEST_F(CoroutineOrderTest, SettledNextToAwaitsThatEnd) {
  const Promise<int> p = reject<int>(error());
  const auto hears = [this, p](std::string name) -> Promise<> {
    (co_await p.settled()).IgnoreError();
    log.add(name);
  };
  hears("s1");
  wait_for(p).catch_(log.note("c1"));
  hears("s2");
  wait_for(p).catch_(log.note("c2"));
  chain("a", 3);
  run();
  EXPECT_EQ(log.str(), "a1 s1 c1 s2 c2 a2 a3");
}

TEST_F(CoroutineOrderTest, CallbacksThatAreCoroutines) {
  resolve()
      .then([this] { return note_twice("then"); })
      .then(error)
      .catch_([this] { return note_twice("catch"); })
      .finally([this] { return note_twice("finally"); })
      .then(log.note("end"));
  chain("a", 13);
  run();
  EXPECT_EQ(log.str(), "then a1 then2 a2 a3 a4 catch a5 catch2 a6 a7 finally a8 finally2 a9 a10 a11 end a12 a13");
}

TEST_F(CoroutineOrderTest, DeferredResolvedWithACoroutine) {
  Deferred<int> d;
  d.promise().then(log.note("p"));
  d.resolve(note_after(1, "f"));
  chain("a", 5);
  run();
  EXPECT_EQ(log.str(), "f a1 a2 p a3 a4 a5");
}

TEST_F(CoroutineOrderTest, ALoopThatAwaitsCoroutines) {
  const auto f = [this](int i) -> Promise<int> {
    log.add("f" + std::to_string(i));
    co_await resolve();
    co_return i;
  };
  const auto g = [&]() -> Promise<int> {
    int sum = 0;
    for (int i = 1; i <= 3; ++i) sum += co_await f(i);
    co_return sum;
  };
  g().then([this](int sum) { log.add("sum" + std::to_string(sum)); });
  chain("a", 8);
  run();
  EXPECT_EQ(log.str(), "f1 a1 f2 a2 a3 f3 a4 a5 a6 sum6 a7 a8");
}

TEST_F(CoroutineOrderTest, ARecursionThatAwaits) {
  const std::function<Promise<>(int)> f = [&](int n) -> Promise<> {
    log.add("f" + std::to_string(n));
    if (n > 0) co_await f(n - 1);
    log.add("g" + std::to_string(n));
  };
  f(3).then(log.note("end"));
  chain("a", 5);
  run();
  EXPECT_EQ(log.str(), "f3 f2 f1 f0 g0 g1 a1 g2 a2 g3 a3 end a4 a5");
}

TEST_F(CoroutineOrderTest, ARecursionThatReturns) {
  const std::function<Promise<int>(int)> f = [&](int n) -> Promise<int> {
    log.add("f" + std::to_string(n));
    co_await resolve();
    if (n > 0) co_return f(n - 1);
    log.add("g");
    co_return 0;
  };
  f(3).then(log.note("end"));
  chain("a", 9);
  run();
  EXPECT_EQ(log.str(), "f3 f2 a1 f1 a2 f0 a3 g a4 a5 a6 a7 end a8 a9");
}

TEST_F(CoroutineOrderTest, AwaitsBetweenTimers) {
  const auto f = [this](std::string name) -> Promise<> {
    co_await sleep(absl::Seconds(1));
    log.add(name + "1");
    co_await resolve();
    log.add(name + "2");
    co_await sleep(absl::Seconds(1));
    log.add(name + "3");
  };
  f("f").then(log.note("f4"));
  f("g").then(log.note("g4"));
  loop.call_later(absl::Seconds(1), [this] {
    log.add("t");
    resolve().then(log.note("m"));
  });
  run();
  EXPECT_EQ(log.str(), "f1 f2 g1 g2 t m f3 f4 g3 g4");
}

}  // namespace
}  // namespace vow
