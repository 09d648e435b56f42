// The clauses of Promises/A+ 1.1, section 2, by their numbers: each for a promise that is settled before the `then`,
// right after it, and in a later turn.
//
// Clauses without a test, for there is nothing in C++ that could violate them, or that they could be said of:
//
//   2.1.2.2, 2.1.3.2  as far as identity goes ("must not change" is ===): a value is lent as a const T&, whose address
//                     stays the same while it is held; test/promise/ownership_test.cc has that
//   2.2.1.1, 2.2.1.2  as far as arguments go that are no functions: they do not compile (test/compile_errors). What
//                     stays is that either callback may be left out
//   2.2.5             a C++ function has no `this` that it could be called with or without
//   2.3.3             objects and functions with a `then` of their own: in C++ the type says whether a callback has
//                     returned a promise; anything else is a value. So there is no property to be read (2.3.3.1), no
//                     getter that throws (2.3.3.2), no foreign `then` to be called with resolvers (2.3.3.3), that could
//                     call both of them, or one twice (2.3.3.3.3), or throw afterwards (2.3.3.3.4); and what is not
//                     callable is a value (2.3.3.4), as in 2.3.4. The first call of a resolver counts here too: 2.1
//   2.3.2.1           "must remain pending until" is a sentence about time; shown together with 2.3.2.2 and 2.3.2.3
//
// Of 2.2.7.2 the exception is one half, and is tested where there are exceptions; the other, vow's own, is the error
// that a callback returns.

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "promise/promise.h"
#include "test/support/log.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

absl::Status reason() { return absl::NotFoundError("reason"); }
absl::Status other_reason() { return absl::DataLossError("other reason"); }

enum class Settled { kBefore, kRightAfter, kLater };

std::string name_of(const testing::TestParamInfo<Settled>& test) {
  constexpr const char* kNames[] = {"SettledBefore", "SettledRightAfter", "SettledLater"};
  return kNames[static_cast<int>(test.param)];
}

class PromisesAPlusTest : public LoopTest, public testing::WithParamInterface<Settled> {
 protected:
  using Attach = std::function<void(const Promise<int>&)>;

  // Attaches to a promise, which is settled at the time that the parameter says, and runs everything.
  void fulfilled(const Attach& attach) {
    settled_by([](Deferred<int>& d) { d.resolve(5); }, attach);
  }
  void rejected(const Attach& attach) {
    settled_by([](Deferred<int>& d) { d.reject(reason()); }, attach);
  }

  void settled_by(std::function<void(Deferred<int>&)> settle, const Attach& attach) {
    Deferred<int> d;
    if (GetParam() == Settled::kBefore) settle(d);
    attach(d.promise());
    if (GetParam() == Settled::kRightAfter) settle(d);
    if (GetParam() == Settled::kLater) loop.call_soon([&] { settle(d); });
    run();
  }

  // Callbacks that note what they are called with.
  auto note_value(std::string name) {
    return [this, name = std::move(name)](int x) { log.add(name + "(" + std::to_string(x) + ")"); };
  }
  auto note_error(std::string name) {
    return [this, name = std::move(name)](absl::Status error) {
      log.add(name + "(" + absl::StatusCodeToString(error.code()) + ")");
    };
  }
  void note_outcome(const Promise<int>& p) { p.then(note_value("fulfilled"), note_error("rejected")); }
};

INSTANTIATE_TEST_SUITE_P(PromisesAPlus, PromisesAPlusTest,
                         testing::Values(Settled::kBefore, Settled::kRightAfter, Settled::kLater), name_of);

TEST_P(PromisesAPlusTest, Clause2_1_1_1_PendingMayBecomeFulfilled) {
  fulfilled([&](const Promise<int>& p) {
    log.add(p.is_pending() ? "pending" : "settled");
    p.then([&, p] { log.add(p.is_fulfilled() ? "fulfilled" : "not"); });
  });
  EXPECT_EQ(log.str(), GetParam() == Settled::kBefore ? "settled fulfilled" : "pending fulfilled");
}

TEST_P(PromisesAPlusTest, Clause2_1_1_1_PendingMayBecomeRejected) {
  rejected([&](const Promise<int>& p) {
    log.add(p.is_pending() ? "pending" : "settled");
    p.catch_([&, p] {
      log.add(p.is_rejected() ? "rejected" : "not");
      return 0;
    });
  });
  EXPECT_EQ(log.str(), GetParam() == Settled::kBefore ? "settled rejected" : "pending rejected");
}

TEST_P(PromisesAPlusTest, Clause2_1_2_1_FulfilledNeverBecomesRejected) {
  settled_by(
      [&](Deferred<int>& d) {
        d.resolve(5);
        log.add(d.reject(reason()));
        loop.call_later(absl::Seconds(1), [&] { log.add(d.reject(reason())); });
      },
      [&](const Promise<int>& p) {
        note_outcome(p);
        loop.call_later(absl::Seconds(2), [&, p] { note_outcome(p); });
      });
  EXPECT_EQ(log.str(), "0 fulfilled(5) 0 fulfilled(5)");
}

TEST_P(PromisesAPlusTest, Clause2_1_2_2_FulfilledKeepsItsValue) {
  settled_by(
      [&](Deferred<int>& d) {
        d.resolve(5);
        log.add(d.resolve(6));
        log.add(d.resolve(resolve(7)));
      },
      [&](const Promise<int>& p) {
        note_outcome(p);
        loop.call_later(absl::Seconds(1), [&, p] { note_outcome(p); });
      });
  EXPECT_EQ(log.str(), "0 0 fulfilled(5) fulfilled(5)");
}

TEST_P(PromisesAPlusTest, Clause2_1_3_1_RejectedNeverBecomesFulfilled) {
  settled_by(
      [&](Deferred<int>& d) {
        d.reject(reason());
        log.add(d.resolve(5));
        loop.call_later(absl::Seconds(1), [&] { log.add(d.resolve(5)); });
      },
      [&](const Promise<int>& p) {
        note_outcome(p);
        loop.call_later(absl::Seconds(2), [&, p] { note_outcome(p); });
      });
  EXPECT_EQ(log.str(), "0 rejected(NOT_FOUND) 0 rejected(NOT_FOUND)");
}

TEST_P(PromisesAPlusTest, Clause2_1_3_2_RejectedKeepsItsReason) {
  settled_by(
      [&](Deferred<int>& d) {
        d.reject(reason());
        log.add(d.reject(other_reason()));
      },
      [&](const Promise<int>& p) {
        note_outcome(p);
        loop.call_later(absl::Seconds(1), [&, p] { note_outcome(p); });
      });
  EXPECT_EQ(log.str(), "0 rejected(NOT_FOUND) rejected(NOT_FOUND)");
}

TEST_P(PromisesAPlusTest, Clause2_2_1_1_TheValueCallbackMayBeLeftOut) {
  rejected([&](const Promise<int>& p) {
    p.catch_([&](absl::Status error) {
      note_error("g")(error);
      return 0;
    });
  });
  EXPECT_EQ(log.str(), "g(NOT_FOUND)");
}

TEST_P(PromisesAPlusTest, Clause2_2_1_2_TheErrorCallbackMayBeLeftOut) {
  fulfilled([&](const Promise<int>& p) { p.then(note_value("f")); });
  EXPECT_EQ(log.str(), "f(5)");
}

TEST_P(PromisesAPlusTest, Clause2_2_2_1_CallsTheValueCallbackWithTheValue) {
  fulfilled([&](const Promise<int>& p) { p.then(note_value("f"), note_error("g")); });
  EXPECT_EQ(log.str(), "f(5)");
}

TEST_P(PromisesAPlusTest, Clause2_2_2_2_DoesNotCallTheValueCallbackBeforeThePromiseIsFulfilled) {
  settled_by(
      [&](Deferred<int>& d) {
        log.add("settling");
        d.resolve(5);
      },
      [&](const Promise<int>& p) { p.then(note_value("f"), note_error("g")); });
  EXPECT_EQ(log.str(), "settling f(5)");
}

TEST_P(PromisesAPlusTest, Clause2_2_2_2_NeverCallsTheValueCallbackOfAPromiseThatStaysPending) {
  settled_by([](Deferred<int>&) {}, [&](const Promise<int>& p) { p.then(note_value("f"), note_error("g")); });
  EXPECT_EQ(log.str(), "");
}

TEST_P(PromisesAPlusTest, Clause2_2_2_3_CallsTheValueCallbackOnce) {
  settled_by(
      [&](Deferred<int>& d) {
        d.resolve(5);
        d.resolve(5);
        loop.call_later(absl::Seconds(1), [&] { d.resolve(5); });
      },
      [&](const Promise<int>& p) { p.then(note_value("f")); });
  EXPECT_EQ(log.str(), "f(5)");
}

TEST_P(PromisesAPlusTest, Clause2_2_2_3_CallsTheValueCallbackOnceForEachThen) {
  fulfilled([&](const Promise<int>& p) {
    p.then(note_value("a"));
    loop.call_later(absl::Seconds(1), [&, p] { p.then(note_value("b")); });
    loop.call_later(absl::Seconds(2), [&, p] { p.then(note_value("c")); });
  });
  EXPECT_EQ(log.str(), "a(5) b(5) c(5)");
}

TEST_P(PromisesAPlusTest, Clause2_2_3_1_CallsTheErrorCallbackWithTheReason) {
  rejected([&](const Promise<int>& p) { p.then(note_value("f"), note_error("g")); });
  EXPECT_EQ(log.str(), "g(NOT_FOUND)");
}

TEST_P(PromisesAPlusTest, Clause2_2_3_2_DoesNotCallTheErrorCallbackBeforeThePromiseIsRejected) {
  settled_by(
      [&](Deferred<int>& d) {
        log.add("settling");
        d.reject(reason());
      },
      [&](const Promise<int>& p) { p.then(note_value("f"), note_error("g")); });
  EXPECT_EQ(log.str(), "settling g(NOT_FOUND)");
}

TEST_P(PromisesAPlusTest, Clause2_2_3_3_CallsTheErrorCallbackOnce) {
  settled_by(
      [&](Deferred<int>& d) {
        d.reject(reason());
        d.reject(reason());
        loop.call_later(absl::Seconds(1), [&] { d.reject(reason()); });
      },
      [&](const Promise<int>& p) { p.then(note_value("f"), note_error("g")); });
  EXPECT_EQ(log.str(), "g(NOT_FOUND)");
}

TEST_P(PromisesAPlusTest, Clause2_2_3_3_CallsTheErrorCallbackOnceForEachThen) {
  rejected([&](const Promise<int>& p) {
    p.then(note_value("f"), note_error("a"));
    loop.call_later(absl::Seconds(1), [&, p] { p.then(note_value("f"), note_error("b")); });
  });
  EXPECT_EQ(log.str(), "a(NOT_FOUND) b(NOT_FOUND)");
}

TEST_P(PromisesAPlusTest, Clause2_2_4_ThenAndTheSettlingCallReturnBeforeTheValueCallbackRuns) {
  settled_by(
      [&](Deferred<int>& d) {
        d.resolve(5);
        log.add("settled");
      },
      [&](const Promise<int>& p) {
        p.then(note_value("f"));
        log.add("attached");
      });
  EXPECT_EQ(log.str(), GetParam() == Settled::kBefore ? "settled attached f(5)" : "attached settled f(5)");
}

TEST_P(PromisesAPlusTest, Clause2_2_4_ThenAndTheSettlingCallReturnBeforeTheErrorCallbackRuns) {
  settled_by(
      [&](Deferred<int>& d) {
        d.reject(reason());
        log.add("settled");
      },
      [&](const Promise<int>& p) {
        p.then(note_value("f"), note_error("g"));
        log.add("attached");
      });
  EXPECT_EQ(log.str(), GetParam() == Settled::kBefore ? "settled attached g(NOT_FOUND)"  //
                                                      : "attached settled g(NOT_FOUND)");
}

TEST_P(PromisesAPlusTest, Clause2_2_4_ACallbackEndsBeforeTheNextOneBegins) {
  fulfilled([&](const Promise<int>& p) {
    p.then([&, p] {
      p.then(note_value("inner"));
      Deferred<int> d;
      d.promise().then(note_value("settled inside"));
      d.resolve(6);
      log.add("end");
    });
    p.then(note_value("second"));
  });
  EXPECT_EQ(log.str(), "end second(5) inner(5) settled inside(6)");
}

TEST_P(PromisesAPlusTest, Clause2_2_4_CallbacksRunBeforeTheNextMacrotask) {
  fulfilled([&](const Promise<int>& p) {
    p.then([&, p] {
      loop.call_soon(log.note("macrotask"));
      p.then(note_value("f"));
    });
  });
  EXPECT_EQ(log.str(), "f(5) macrotask");
}

TEST_P(PromisesAPlusTest, Clause2_2_6_1_ValueCallbacksRunInTheOrderOfAttaching) {
  fulfilled([&](const Promise<int>& p) {
    for (const char* name : {"a", "b", "c"}) p.then(note_value(name), note_error("g"));
  });
  EXPECT_EQ(log.str(), "a(5) b(5) c(5)");
}

TEST_P(PromisesAPlusTest, Clause2_2_6_1_OneValueCallbackThatFailsLeavesTheOthersAlone) {
  fulfilled([&](const Promise<int>& p) {
    p.then(note_value("a"));
    note_outcome(p.then([](int) -> absl::StatusOr<int> { return other_reason(); }));
    p.then(note_value("b"));
  });
  EXPECT_EQ(log.str(), "a(5) b(5) rejected(DATA_LOSS)");
}

TEST_P(PromisesAPlusTest, Clause2_2_6_1_EachThenHasItsOwnPromise) {
  fulfilled([&](const Promise<int>& p) {
    note_outcome(p.then([](int x) { return x + 1; }));
    note_outcome(p.then([](int) -> absl::StatusOr<int> { return other_reason(); }));
    note_outcome(p.then([](int x) { return x + 3; }));
  });
  EXPECT_EQ(log.str(), "fulfilled(6) rejected(DATA_LOSS) fulfilled(8)");
}

TEST_P(PromisesAPlusTest, Clause2_2_6_1_WhatIsAttachedInsideOfACallbackRunsLast) {
  fulfilled([&](const Promise<int>& p) {
    p.then([&, p](int x) {
      note_value("a")(x);
      p.then(note_value("c"));
    });
    p.then(note_value("b"));
  });
  EXPECT_EQ(log.str(), "a(5) b(5) c(5)");
}

TEST_P(PromisesAPlusTest, Clause2_2_6_2_ErrorCallbacksRunInTheOrderOfAttaching) {
  rejected([&](const Promise<int>& p) {
    for (const char* name : {"a", "b", "c"}) p.then(note_value("f"), note_error(name));
  });
  EXPECT_EQ(log.str(), "a(NOT_FOUND) b(NOT_FOUND) c(NOT_FOUND)");
}

TEST_P(PromisesAPlusTest, Clause2_2_7_1_AValueOfTheValueCallbackFulfillsTheNextPromise) {
  fulfilled([&](const Promise<int>& p) { note_outcome(p.then([](int x) { return x + 1; })); });
  EXPECT_EQ(log.str(), "fulfilled(6)");
}

TEST_P(PromisesAPlusTest, Clause2_2_7_1_AValueOfTheErrorCallbackFulfillsTheNextPromise) {
  rejected([&](const Promise<int>& p) { note_outcome(p.catch_([] { return 6; })); });
  EXPECT_EQ(log.str(), "fulfilled(6)");
}

TEST_P(PromisesAPlusTest, Clause2_2_7_2_AnErrorOfTheValueCallbackRejectsTheNextPromise) {
  fulfilled(
      [&](const Promise<int>& p) { note_outcome(p.then([](int) -> absl::StatusOr<int> { return other_reason(); })); });
  EXPECT_EQ(log.str(), "rejected(DATA_LOSS)");
}

TEST_P(PromisesAPlusTest, Clause2_2_7_2_AnErrorOfTheErrorCallbackRejectsTheNextPromise) {
  rejected([&](const Promise<int>& p) { note_outcome(p.catch_([] { return other_reason(); })); });
  EXPECT_EQ(log.str(), "rejected(DATA_LOSS)");
}

#ifdef __cpp_exceptions
TEST_P(PromisesAPlusTest, Clause2_2_7_2_AnExceptionOfTheValueCallbackRejectsTheNextPromise) {
  fulfilled([&](const Promise<int>& p) { note_outcome(p.then([](int) -> int { throw other_reason(); })); });
  EXPECT_EQ(log.str(), "rejected(DATA_LOSS)");
}

TEST_P(PromisesAPlusTest, Clause2_2_7_2_AnExceptionOfTheErrorCallbackRejectsTheNextPromise) {
  rejected([&](const Promise<int>& p) { note_outcome(p.catch_([]() -> int { throw other_reason(); })); });
  EXPECT_EQ(log.str(), "rejected(DATA_LOSS)");
}
#endif

TEST_P(PromisesAPlusTest, Clause2_2_7_3_WithoutAValueCallbackTheNextPromiseIsFulfilledWithTheSameValue) {
  fulfilled([&](const Promise<int>& p) { note_outcome(p.catch_([] { return 6; })); });
  EXPECT_EQ(log.str(), "fulfilled(5)");
}

TEST_P(PromisesAPlusTest, Clause2_2_7_4_WithoutAnErrorCallbackTheNextPromiseIsRejectedWithTheSameReason) {
  rejected([&](const Promise<int>& p) { note_outcome(p.then([](int x) { return x + 1; })); });
  EXPECT_EQ(log.str(), "rejected(NOT_FOUND)");
}

TEST_P(PromisesAPlusTest, Clause2_3_1_ReturningItsOwnPromiseFromTheValueCallbackRejects) {
  std::optional<Promise<int>> own;
  fulfilled([&](const Promise<int>& p) {
    own = p.then([&] { return *own; });
    note_outcome(*own);
  });
  EXPECT_EQ(log.str(), "rejected(INVALID_ARGUMENT)");
}

TEST_P(PromisesAPlusTest, Clause2_3_1_ReturningItsOwnPromiseFromTheErrorCallbackRejects) {
  std::optional<Promise<int>> own;
  rejected([&](const Promise<int>& p) {
    own = p.catch_([&] { return *own; });
    note_outcome(*own);
  });
  EXPECT_EQ(log.str(), "rejected(INVALID_ARGUMENT)");
}

// In what follows it is the promise that a callback returns which is settled before, right after, or later.

TEST_P(PromisesAPlusTest, Clause2_3_2_1_StaysPendingAsLongAsTheReturnedPromiseDoes) {
  settled_by([](Deferred<int>&) {},
             [&](const Promise<int>& p) {
               const Promise<int> next = resolve().then([p] { return p; });
               note_outcome(next);
               loop.call_later(absl::Seconds(1), [&, next] { log.add(next.is_pending() ? "pending" : "settled"); });
             });
  EXPECT_EQ(log.str(), "pending");
}

TEST_P(PromisesAPlusTest, Clause2_3_2_2_IsFulfilledAsThePromiseThatTheValueCallbackReturns) {
  fulfilled([&](const Promise<int>& p) { note_outcome(resolve().then([p] { return p; })); });
  EXPECT_EQ(log.str(), "fulfilled(5)");
}

TEST_P(PromisesAPlusTest, Clause2_3_2_2_IsFulfilledAsThePromiseThatTheErrorCallbackReturns) {
  fulfilled([&](const Promise<int>& p) { note_outcome(reject<int>(other_reason()).catch_([p] { return p; })); });
  EXPECT_EQ(log.str(), "fulfilled(5)");
}

TEST_P(PromisesAPlusTest, Clause2_3_2_3_IsRejectedAsThePromiseThatTheValueCallbackReturns) {
  rejected([&](const Promise<int>& p) { note_outcome(resolve().then([p] { return p; })); });
  EXPECT_EQ(log.str(), "rejected(NOT_FOUND)");
}

TEST_P(PromisesAPlusTest, Clause2_3_2_3_IsRejectedAsThePromiseThatTheErrorCallbackReturns) {
  rejected([&](const Promise<int>& p) { note_outcome(reject<int>(other_reason()).catch_([p] { return p; })); });
  EXPECT_EQ(log.str(), "rejected(NOT_FOUND)");
}

TEST_P(PromisesAPlusTest, Clause2_3_4_AnythingElseIsAValue) {
  fulfilled([&](const Promise<int>& p) {
    p.then([](int x) { return std::function<int()>([x] { return x; }); }).then([&](const std::function<int()>& f) {
      log.add(f());
    });
  });
  EXPECT_EQ(log.str(), "5");
}

}  // namespace
}  // namespace vow
