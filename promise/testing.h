// GoogleTest for code that works with promises: a fixture with a loop whose time is virtual, matchers, and an assertion.
//
//   #include "promise/testing.h"
//
//   using PriceTest = vow::PromiseTest;
//
//   TEST_F(PriceTest, KnowsThePriceOfTea) {
//     VOW_ASSERT_FULFILLED(int price, price_of("tea"));            // runs the loop; time passes at no cost
//     EXPECT_EQ(price, 3);
//   }
//
//   TEST_F(PriceTest, KnowsNotAll) {
//     EXPECT_THAT(run_until_settled(price_of("sand")), vow::IsRejected(absl::StatusCode::kNotFound));
//   }
//
//   TEST_F(PriceTest, GivesUpAfterAMinute) {
//     vow::Promise<int> price = price_of("gold");
//     run_for(absl::Seconds(59));
//     EXPECT_THAT(price, vow::IsPending());
//     run_for(absl::Seconds(1));
//     EXPECT_THAT(price, vow::IsRejected(absl::StatusCode::kDeadlineExceeded));
//   }
//
// When a test has ended, the fixture fails it, at the place in the source, for each
//
//   rejection    that nobody has handled,
//   promise      that has not settled and still lives, because something is under way that would settle it or has been
//                forgotten: nothing more is run, for what callbacks refer to may be gone with the test's body,
//   handle       (Promise, Deferred, Handle) that outlives the test and its loop: a global's, or one that was leaked.
//
// A test that means to leave work behind says `loop.close();` at its end.
//
// In Bazel: deps = ["@vow//promise:testing", "@com_google_googletest//:gtest_main"].

#ifndef VOW_PROMISE_TESTING_H_
#define VOW_PROMISE_TESTING_H_

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loop/block_watch.h"
#include "loop/event_loop.h"
#include "loop/source_location.h"
#include "promise/promise.h"
#include "promise/run.h"
#include "promise/unhandled_rejection.h"

namespace vow {

namespace testing_internal {

// Of what `print` is to say, all but the value.
void print_without_value(const promise_internal::State* state, std::ostream& out);
// Where the promise was made, if that does not stand there already.
void explain(const promise_internal::State* state, ::testing::MatchResultListener& listener);

template <class T>
promise_internal::TypedState<T>* look(const Promise<T>& promise) {
  return promise_internal::Access::look(promise);
}

}  // namespace testing_internal

// For GoogleTest's messages: "fulfilled 42", "rejected NOT_FOUND: no tea", "pending, made at a.cc:10".
template <class T>
void PrintTo(const Promise<T>& promise, std::ostream* out) {
  auto* state = testing_internal::look(promise);
  testing_internal::print_without_value(state, *out);
  if constexpr (!std::is_void_v<T>) {
    if (state != nullptr && state->is_fulfilled())
      *out << " " << ::testing::PrintToString(std::as_const(state->value()));
  }
}

class PromiseTest : public ::testing::Test {
 protected:
  explicit PromiseTest(LoopOptions options = {.clock = Clock::kVirtual},
                       SourceLocation where = SourceLocation::current());
  ~PromiseTest() override;

  // Until nothing is left to run, and nothing that is waited for can come.
  void run();
  // Lets so much time pass.
  void run_for(absl::Duration time);

 private:
  BlockWatch watch_;
  UnhandledRejectionHandler handler_before_;

 protected:
  EventLoop loop;
};

// Runs this thread's loop until the promise has settled, or nothing is left that could settle it; gives it back. Needs no
// fixture.
template <class T>
Promise<T> run_until_settled(Promise<T> promise, SourceLocation where = SourceLocation::current()) {
  promise_internal::run_until_settled(EventLoop::current(where),
                                      promise_internal::Access::use(promise, "run_until_settled", where), where)
      .IgnoreError();
  return promise;
}

// The same, and declares or assigns what stands first with the value; a failure that ends the test if there is none.
// Declarations with commas are put in parentheses:
//
//   VOW_ASSERT_FULFILLED((auto [tea, milk]), when_all(price_of("tea"), price_of("milk")));
#define VOW_ASSERT_FULFILLED(variable, ...) \
  VOW_TESTING_ASSERT(VOW_TESTING_JOIN(vow_outcome_, __LINE__), variable, __VA_ARGS__)

// Matchers for promises as they are now; run_until_settled sees to it that they are settled.

namespace testing_internal {

// A matcher whose description and whose test do not depend on the type of the value.
template <class P>
using MatcherFor = ::testing::MatcherInterface<P>;
template <class P>
using ValueOf = typename std::remove_cvref_t<P>::value_type;

template <class P>
class PendingImpl final : public MatcherFor<P> {
 public:
  void DescribeTo(std::ostream* out) const override { *out << "is pending"; }
  void DescribeNegationTo(std::ostream* out) const override { *out << "has settled"; }
  bool MatchAndExplain(P promise, ::testing::MatchResultListener* listener) const override {
    auto* state = look(promise);
    explain(state, *listener);
    return state != nullptr && state->is_pending();
  }
};

struct PendingMatcher {
  template <class P>
  operator ::testing::Matcher<P>() const {  // NOLINT: implicit, as matchers are
    return ::testing::Matcher<P>(new PendingImpl<P>);
  }
};

struct AnyValue {};

template <class P, class M>
class FulfilledImpl final : public MatcherFor<P> {
 public:
  explicit FulfilledImpl(const M& value)
      : value_([&] {
          if constexpr (kIsAny) {
            return value;
          } else {
            static_assert(!std::is_void_v<ValueOf<P>>,
                          "IsFulfilled(m): a Promise<void> has no value; say IsFulfilled()");
            return ::testing::SafeMatcherCast<const ValueOf<P>&>(value);
          }
        }()) {}

  void DescribeTo(std::ostream* out) const override {
    *out << "is fulfilled";
    if constexpr (!kIsAny) {
      *out << " with a value that ";
      value_.DescribeTo(out);
    }
  }
  void DescribeNegationTo(std::ostream* out) const override {
    *out << "is not fulfilled";
    if constexpr (!kIsAny) {
      *out << ", or with a value that ";
      value_.DescribeNegationTo(out);
    }
  }
  bool MatchAndExplain(P promise, ::testing::MatchResultListener* listener) const override {
    auto* state = look(promise);
    explain(state, *listener);
    if (state == nullptr || !state->is_fulfilled()) return false;
    if constexpr (kIsAny) {
      return true;
    } else {
      ::testing::StringMatchResultListener why;
      const bool matches = value_.MatchAndExplain(promise.value(), &why);
      if (!why.str().empty()) *listener << ", its value " << why.str();
      return matches;
    }
  }

 private:
  static constexpr bool kIsAny = std::is_same_v<M, AnyValue>;
  static auto matcher_type() {
    if constexpr (kIsAny) {
      return AnyValue();
    } else {
      return ::testing::Matcher<const std::conditional_t<std::is_void_v<ValueOf<P>>, int, ValueOf<P>>&>();
    }
  }
  decltype(matcher_type()) value_;
};

template <class M>
class FulfilledMatcher {
 public:
  explicit FulfilledMatcher(M value) : value_(std::move(value)) {}
  template <class P>
  operator ::testing::Matcher<P>() const {  // NOLINT: implicit, as matchers are
    return ::testing::Matcher<P>(new FulfilledImpl<P, M>(value_));
  }

 private:
  M value_;
};

// What IsRejected is to say about an error; the promise's type does not matter.
class ErrorMatcher {
 public:
  ErrorMatcher(::testing::Matcher<absl::StatusCode> code, ::testing::Matcher<const std::string&> message)
      : code_(std::move(code)), message_(std::move(message)) {}
  void describe(std::ostream& out) const;
  bool matches(const promise_internal::State* state, ::testing::MatchResultListener& listener) const;

 private:
  ::testing::Matcher<absl::StatusCode> code_;
  ::testing::Matcher<const std::string&> message_;
};

template <class P>
class RejectedImpl final : public MatcherFor<P> {
 public:
  explicit RejectedImpl(ErrorMatcher error) : error_(std::move(error)) {}
  void DescribeTo(std::ostream* out) const override { error_.describe(*out << "is "); }
  void DescribeNegationTo(std::ostream* out) const override { error_.describe(*out << "is not "); }
  bool MatchAndExplain(P promise, ::testing::MatchResultListener* listener) const override {
    auto* state = look(promise);
    if (state != nullptr && state->is_rejected()) state->handle();
    return error_.matches(state, *listener);
  }

 private:
  ErrorMatcher error_;
};

class RejectedMatcher {
 public:
  explicit RejectedMatcher(ErrorMatcher error) : error_(std::move(error)) {}
  template <class P>
  operator ::testing::Matcher<P>() const {  // NOLINT: implicit, as matchers are
    return ::testing::Matcher<P>(new RejectedImpl<P>(error_));
  }

 private:
  ErrorMatcher error_;
};

}  // namespace testing_internal

inline testing_internal::PendingMatcher IsPending() { return {}; }

// Fulfilled, with any value; with a value that is equal to `value`, or that this matches.
inline auto IsFulfilled() { return testing_internal::FulfilledMatcher(testing_internal::AnyValue()); }
template <class M>
auto IsFulfilled(M value) {
  return testing_internal::FulfilledMatcher<M>(std::move(value));
}

// Rejected, with any error; with this code; with this code and a message that is equal to, or matches, `message`. Whoever
// asks has handled the error.
inline testing_internal::RejectedMatcher IsRejected(::testing::Matcher<absl::StatusCode> code = ::testing::_,
                                                    ::testing::Matcher<const std::string&> message = ::testing::_) {
  return testing_internal::RejectedMatcher({std::move(code), std::move(message)});
}

// Rejected by a cancel, or by what a cancel has rejected.
inline testing_internal::RejectedMatcher IsCancelled(::testing::Matcher<const std::string&> reason = ::testing::_) {
  return IsRejected(absl::StatusCode::kCancelled, std::move(reason));
}

namespace testing_internal {

// Would be anything, so that the message below is the only one.
struct NoValue {
  template <class T>
  operator T() const;  // NOLINT: implicit
};

template <class T>
absl::StatusOr<std::conditional_t<std::is_void_v<T>, NoValue, T>> outcome_of(
    Promise<T> promise, SourceLocation where = SourceLocation::current()) {
  if constexpr (std::is_void_v<T>) {
    static_assert(promise_internal::kNever<T>,
                  "VOW_ASSERT_FULFILLED(variable, p): a Promise<void> has no value; say "
                  "ASSERT_THAT(run_until_settled(p), IsFulfilled())");
  } else {
    return run_until_complete(EventLoop::current(where), std::move(promise), where);
  }
}

}  // namespace testing_internal

#define VOW_TESTING_ASSERT(outcome, variable, ...)                                        \
  auto outcome = ::vow::testing_internal::outcome_of(__VA_ARGS__);                        \
  if (!outcome.ok()) FAIL() << #__VA_ARGS__ << " is not fulfilled: " << outcome.status(); \
  VOW_TESTING_WITHOUT_PARENTHESES(variable) = *std::move(outcome)
#define VOW_TESTING_JOIN(a, b) VOW_TESTING_JOIN_NOW(a, b)
#define VOW_TESTING_JOIN_NOW(a, b) a##b
// (x) and x, both become x: the macro is applied to (x), or stands before x without being applied, and vanishes.
#define VOW_TESTING_WITHOUT_PARENTHESES(x) VOW_TESTING_PASTE(VOW_TESTING_VANISH, VOW_TESTING_UNWRAP x)
#define VOW_TESTING_UNWRAP(...) VOW_TESTING_UNWRAP __VA_ARGS__
#define VOW_TESTING_PASTE(a, ...) VOW_TESTING_JOIN_REST(a, __VA_ARGS__)
#define VOW_TESTING_JOIN_REST(a, ...) a##__VA_ARGS__
#define VOW_TESTING_VANISHVOW_TESTING_UNWRAP

}  // namespace vow

#endif  // VOW_PROMISE_TESTING_H_
