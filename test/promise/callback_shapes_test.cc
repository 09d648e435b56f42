// What may serve as a callback, and what a callback may take and return.

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "loop/event_loop.h"
#include "promise/promise.h"
#include "test/support/loop_test.h"

namespace vow {
namespace {

using CallableTest = LoopTest;
using ParameterTest = LoopTest;
using ResultTest = LoopTest;

absl::Status error() { return absl::NotFoundError("e"); }

int twice(int x) { return 2 * x; }
int code_of(absl::Status status) { return static_cast<int>(status.code()); }
int seven() { return 7; }

// Each callable takes 5 to 10.
template <class F>
int ten_by(EventLoop& loop, F&& f) {
  Promise<int> p = resolve(5).then(std::forward<F>(f));
  EXPECT_EQ(loop.run(), absl::OkStatus());
  return p.value();
}

TEST_F(CallableTest, Function) { EXPECT_EQ(ten_by(loop, twice), 10); }

// folly 84
TEST_F(CallableTest, FunctionPointer) { EXPECT_EQ(ten_by(loop, &twice), 10); }

// folly 84
TEST_F(CallableTest, StdFunction) {
  std::function<int(int)> f = twice;
  EXPECT_EQ(ten_by(loop, f), 10);
  EXPECT_EQ(f(5), 10);
  EXPECT_EQ(ten_by(loop, std::move(f)), 10);
}

// folly 84
TEST_F(CallableTest, StdBind) {
  EXPECT_EQ(ten_by(loop, std::bind(twice, std::placeholders::_1)), 10);
  EXPECT_EQ(ten_by(loop, std::bind(twice, 5)), 10);
}

TEST_F(CallableTest, StdBindFront) {
  EXPECT_EQ(ten_by(loop, std::bind_front([](int x, int y) { return x * y; }, 2)), 10);
}

TEST_F(CallableTest, StdReferenceWrapper) {
  auto f = [calls = 0](int x) mutable {
    ++calls;
    return 2 * x * calls;
  };
  EXPECT_EQ(ten_by(loop, std::ref(f)), 10);
  EXPECT_EQ(f(5), 20);
}

TEST_F(CallableTest, Lambda) {
  EXPECT_EQ(ten_by(loop, [](int x) { return 2 * x; }), 10);
}

TEST_F(CallableTest, MutableLambda) {
  EXPECT_EQ(ten_by(loop, [factor = 1](int x) mutable { return x * ++factor; }), 10);
}

TEST_F(CallableTest, LambdaThatIsKeptIsCopied) {
  int factor = 1;
  auto f = [factor](int x) mutable { return x * ++factor; };
  EXPECT_EQ(ten_by(loop, f), 10);
  EXPECT_EQ(ten_by(loop, f), 10);
}

// folly 84
TEST_F(CallableTest, LambdaThatHasNoCopy) {
  EXPECT_EQ(ten_by(loop, [factor = std::make_unique<int>(2)](int x) { return x * *factor; }), 10);
}

TEST_F(CallableTest, GenericLambda) {
  EXPECT_EQ(ten_by(loop, [](auto x) { return 2 * x; }), 10);
  EXPECT_EQ(ten_by(loop, [](auto&& x) { return 2 * x; }), 10);
  EXPECT_EQ(ten_by(loop, [](const auto& x) { return 2 * x; }), 10);
}

TEST_F(CallableTest, LambdaWithDefaultArgument) {
  EXPECT_EQ(ten_by(loop, [](int x, int factor = 2) { return x * factor; }), 10);
}

struct OnlyConst {
  int operator()(int x) const { return 2 * x; }
};
struct OnlyMutable {
  int operator()(int x) { return 2 * x; }
};
struct OnlyAsRvalue {
  int operator()(int x) && { return 2 * x; }
};
struct OnlyMoved {
  OnlyMoved() = default;
  OnlyMoved(OnlyMoved&&) = default;
  int operator()(int x) && { return 2 * x; }
};
struct Final final {
  int operator()(int x) const { return 2 * x; }
};
struct TakesValueOrNothing {
  int operator()(int x) const { return 2 * x; }
  int operator()() const { return -1; }
};

TEST_F(CallableTest, ConstCallOperator) { EXPECT_EQ(ten_by(loop, OnlyConst()), 10); }

TEST_F(CallableTest, ConstObject) {
  const OnlyConst f;
  EXPECT_EQ(ten_by(loop, f), 10);
}

TEST_F(CallableTest, NonConstCallOperator) { EXPECT_EQ(ten_by(loop, OnlyMutable()), 10); }

TEST_F(CallableTest, RvalueCallOperator) { EXPECT_EQ(ten_by(loop, OnlyAsRvalue()), 10); }

TEST_F(CallableTest, RvalueCallOperatorWithoutCopy) { EXPECT_EQ(ten_by(loop, OnlyMoved()), 10); }

TEST_F(CallableTest, FinalClass) { EXPECT_EQ(ten_by(loop, Final()), 10); }

TEST_F(CallableTest, GetsTheValueIfItMayTakeIt) { EXPECT_EQ(ten_by(loop, TakesValueOrNothing()), 10); }

TEST_F(CallableTest, InCatch) {
  Promise<int> of_function = reject<int>(error()).catch_(code_of);
  Promise<int> of_std_function = reject<int>(error()).catch_(std::function<int()>(seven));
  Promise<int> of_bind = reject<int>(error()).catch_(std::bind(code_of, std::placeholders::_1));
  Promise<int> without_copy = reject<int>(error()).catch_([x = std::make_unique<int>(7)](auto&&) { return *x; });
  run();
  EXPECT_EQ(of_function.value(), 5);
  EXPECT_EQ(of_std_function.value(), 7);
  EXPECT_EQ(of_bind.value(), 5);
  EXPECT_EQ(without_copy.value(), 7);
}

TEST_F(CallableTest, InFinally) {
  struct OnlyAsRvalueOfNothing {
    void operator()() && { log->add("rvalue"); }
    Log* log;
  };
  resolve().finally(std::function<void()>(log.note("std::function")));
  resolve().finally([this, x = std::make_unique<int>(7)]() mutable { log.add((*x)++); });
  resolve().finally(OnlyAsRvalueOfNothing{&log});
  resolve().finally(seven);
  run();
  EXPECT_EQ(log.str(), "std::function 7 rvalue");
}

TEST_F(CallableTest, TwoOfOneTypeInThen) {
  struct Code {
    int operator()(int x) const { return x; }
    int operator()(absl::Status status) const { return static_cast<int>(status.code()); }
  };
  Promise<int> of_value = resolve(5).then(Code(), Code());
  Promise<int> of_error = reject<int>(absl::InternalError("")).then(Code(), Code());
  run();
  EXPECT_EQ(of_value.value(), 5);
  EXPECT_EQ(of_error.value(), 13);
}

TEST_F(ParameterTest, OfAPromiseThatIsGivenAway) {
  resolve(5).then([&](int x) { log.add(x); });
  resolve(5).then([&](int&& x) { log.add(x); });
  resolve(5).then([&](const int& x) { log.add(x); });
  resolve(5).then([&](const int x) { log.add(x); });
  resolve(5).then([&] { log.add("nothing"); });
  run();
  EXPECT_EQ(log.str(), "5 5 5 5 nothing");
}

TEST_F(ParameterTest, OfAPromiseThatIsKept) {
  const Promise<int> p = resolve(5);
  p.then([&](int x) { log.add(x); });
  p.then([&](const int& x) { log.add(x); });
  p.then([&] { log.add("nothing"); });
  run();
  EXPECT_EQ(log.str(), "5 5 nothing");
}

TEST_F(ParameterTest, ThatIsConvertedTo) {
  resolve(5).then([&](double x) { log.add(std::to_string(x / 2)); });
  resolve("text").then([&](const std::string& x) { log.add(x); });
  resolve(std::make_unique<int>(5)).then([&](std::shared_ptr<int> x) { log.add(*x); });
  run();
  EXPECT_EQ(log.str(), "2.500000 text 5");
}

TEST_F(ParameterTest, OfAPromiseOfAPointer) {
  int x = 5;
  resolve(&x).then([&](int* pointer) { log.add(*pointer); });
  run();
  EXPECT_EQ(log.str(), "5");
}

TEST_F(ParameterTest, OfACallbackForAnError) {
  reject(error()).catch_([&](absl::Status status) { log.add(code_of(status)); });
  reject(error()).catch_([&](absl::Status&& status) { log.add(code_of(status)); });
  reject(error()).catch_([&](const absl::Status& status) { log.add(code_of(status)); });
  reject(error()).catch_([&](auto status) { log.add(code_of(status)); });
  reject(error()).catch_([&] { log.add("nothing"); });
  run();
  EXPECT_EQ(log.str(), "5 5 5 5 nothing");
}

template <class Expected, class Actual>
constexpr bool kIs = std::is_same_v<Expected, Actual>;

TEST_F(ResultTest, Value) {
  auto p = resolve(5).then([](int x) { return std::to_string(x); });
  static_assert(kIs<Promise<std::string>, decltype(p)>);
  run();
  EXPECT_EQ(p.value(), "5");
}

TEST_F(ResultTest, Nothing) {
  auto p = resolve(5).then([](int) {});
  static_assert(kIs<Promise<>, decltype(p)>);
  run();
  EXPECT_TRUE(p.is_fulfilled());
}

TEST_F(ResultTest, OkStatus) {
  auto p = resolve(5).then([] { return absl::OkStatus(); });
  static_assert(kIs<Promise<>, decltype(p)>);
  run();
  EXPECT_TRUE(p.is_fulfilled());
}

TEST_F(ResultTest, ErrorStatus) {
  Promise<> p = resolve(5).then(error);
  run();
  EXPECT_EQ(p.status(), error());
}

TEST_F(ResultTest, StatusOr) {
  auto p = resolve(5).then([](int x) -> absl::StatusOr<std::string> { return std::to_string(x); });
  static_assert(kIs<Promise<std::string>, decltype(p)>);
  Promise<int> failed = resolve().then([]() -> absl::StatusOr<int> { return error(); });
  run();
  EXPECT_EQ(p.value(), "5");
  EXPECT_EQ(failed.status(), error());
}

TEST_F(ResultTest, StatusOrWithoutCopy) {
  Promise<std::unique_ptr<int>> p =
      resolve(5).then([](int x) -> absl::StatusOr<std::unique_ptr<int>> { return std::make_unique<int>(x); });
  run();
  EXPECT_EQ(*p.value(), 5);
}

TEST_F(ResultTest, APromise) {
  auto p = resolve(5).then([](int x) { return resolve(std::to_string(x)); });
  static_assert(kIs<Promise<std::string>, decltype(p)>);
  run();
  EXPECT_EQ(p.value(), "5");
}

TEST_F(ResultTest, APromiseOfNothing) {
  auto p = resolve(5).then([] { return resolve(); });
  static_assert(kIs<Promise<>, decltype(p)>);
  run();
  EXPECT_TRUE(p.is_fulfilled());
}

TEST_F(ResultTest, AReferenceIsCopied) {
  std::string text = "text";
  auto p = resolve().then([&]() -> std::string& { return text; });
  auto of_const = resolve().then([&]() -> const std::string& { return text; });
  static_assert(kIs<Promise<std::string>, decltype(p)>);
  static_assert(kIs<Promise<std::string>, decltype(of_const)>);
  run();
  text = "changed";
  EXPECT_EQ(p.value(), "text");
  EXPECT_EQ(of_const.value(), "text");
}

TEST_F(ResultTest, AnRvalueReferenceIsMoved) {
  auto x = std::make_unique<int>(5);
  auto p = resolve().then([&]() -> std::unique_ptr<int>&& { return std::move(x); });
  static_assert(kIs<Promise<std::unique_ptr<int>>, decltype(p)>);
  run();
  EXPECT_EQ(*p.value(), 5);
}

constexpr const char* kLongText = "a text that is not short enough for its object";

TEST_F(ResultTest, AReferenceToTheParameterIsCopiedOrMoved) {
  auto p = resolve(std::string(kLongText)).then([](std::string&& text) -> std::string&& { return std::move(text); });
  auto of_kept = p.then([](const std::string& text) -> const std::string& { return text; });
  static_assert(kIs<Promise<std::string>, decltype(p)>);
  static_assert(kIs<Promise<std::string>, decltype(of_kept)>);
  run();
  EXPECT_EQ(p.value(), kLongText);
  EXPECT_EQ(of_kept.value(), kLongText);
}

TEST_F(ResultTest, AReferenceToTheParameterOutlivesTheCopyThatTheCallbackWasGiven) {
  Promise<std::string> p = resolve(std::string(kLongText));
  const Promise<std::string> other = p;
  Promise<std::string> next = std::move(p).then([](std::string&& text) -> std::string&& { return std::move(text); });
  run();
  EXPECT_EQ(next.value(), kLongText);
  EXPECT_EQ(other.value(), kLongText);
}

TEST_F(ResultTest, AReferenceToASmallParameterIsCopied) {
  Promise<int> p = resolve(5).then([](int&& x) -> int&& { return std::move(x); });
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(ResultTest, AReferenceToTheErrorIsCopied) {
  Promise<> p = reject(absl::NotFoundError(kLongText)).catch_([](absl::Status&& status) -> absl::Status&& {
    return std::move(status);
  });
  run();
  EXPECT_EQ(p.status(), absl::NotFoundError(kLongText));
}

TEST_F(ResultTest, AReferenceIntoTheCapturesIsCopiedBeforeTheyDie) {
  Promise<std::string> p = resolve().then([text = std::string(kLongText)]() -> const std::string& { return text; });
  Promise<std::string> of_catch =
      reject<std::string>(error()).catch_([text = std::string(kLongText)]() -> const std::string& { return text; });
  run();
  EXPECT_EQ(p.value(), kLongText);
  EXPECT_EQ(of_catch.value(), kLongText);
}

TEST_F(ResultTest, AReferenceToAPromiseIsFollowed) {
  Promise<int> inner = resolve(5);
  auto p = resolve().then([&]() -> const Promise<int>& { return inner; });
  static_assert(kIs<Promise<int>, decltype(p)>);
  run();
  EXPECT_EQ(p.value(), 5);
}

TEST_F(ResultTest, AConstValueIsAValue) {
  struct ConstText {
    const std::string operator()() const { return "text"; }
  };
  auto p = resolve().then(ConstText());
  static_assert(kIs<Promise<std::string>, decltype(p)>);
  run();
  EXPECT_EQ(p.value(), "text");
}

TEST_F(ResultTest, ABooleanIsAValue) {
  auto p = resolve(5).then([](int x) { return x > 3; });
  static_assert(kIs<Promise<bool>, decltype(p)>);
  run();
  EXPECT_TRUE(p.value());
}

TEST_F(ResultTest, OfTwoCallbacksMayDifferInForm) {
  auto p = reject(error()).then([] { return 1; }, [] { return resolve(2); });
  auto q = reject(error()).then([] { return resolve(1); }, []() -> absl::StatusOr<int> { return 2; });
  auto r = reject(error()).then([]() -> absl::StatusOr<int> { return 1; }, [](absl::Status status) { return status; });
  static_assert(kIs<Promise<int>, decltype(p)>);
  static_assert(kIs<Promise<int>, decltype(q)>);
  static_assert(kIs<Promise<int>, decltype(r)>);
  run();
  EXPECT_EQ(p.value(), 2);
  EXPECT_EQ(q.value(), 2);
  EXPECT_EQ(r.status(), error());
}

TEST_F(ResultTest, OfCatchIsConverted) {
  Promise<std::string> p = reject<std::string>(error()).catch_([] { return "literal"; });
  run();
  EXPECT_EQ(p.value(), "literal");
}

// Every parameter with every result, in every kind of callable.
template <class R>
R made() {
  if constexpr (std::is_void_v<R>) {
    return;
  } else if constexpr (std::is_same_v<R, absl::Status>) {
    return absl::OkStatus();
  } else if constexpr (std::is_same_v<R, Promise<>>) {
    return resolve();
  } else {
    return R(7);
  }
}

template <class Signature>
struct CallablesOf;
template <class R, class... Parameters>
struct CallablesOf<R(Parameters...)> {
  static R function(Parameters...) { return made<R>(); }
  struct Const {
    R operator()(Parameters...) const { return made<R>(); }
  };
  struct NonConst {
    R operator()(Parameters...) { return ++calls, made<R>(); }
    int calls = 0;
  };
  struct Rvalue {
    R operator()(Parameters...) && { return made<R>(); }
  };
  struct WithoutCopy {
    R operator()(Parameters...) const { return made<R>(); }
    std::unique_ptr<int> no_copy;
  };
};

template <class Signature>
class SignatureTest : public LoopTest {
 protected:
  template <class F>
  void expect_called(F f) {
    auto p = resolve(5).then(std::move(f));
    run();
    ASSERT_TRUE(p.is_fulfilled());
    if constexpr (!std::is_same_v<decltype(p), Promise<>>) {
      EXPECT_EQ(p.value(), 7);
    }
  }
};

using Signatures =
    testing::Types<int(int), int(const int&), int(int&&), int(), void(int), void(const int&), void(int&&), void(),
                   absl::Status(int), absl::Status(const int&), absl::Status(int&&), absl::Status(),
                   absl::StatusOr<int>(int), absl::StatusOr<int>(const int&), absl::StatusOr<int>(int&&),
                   absl::StatusOr<int>(), Promise<int>(int), Promise<int>(const int&), Promise<int>(int&&),
                   Promise<int>(), Promise<>(int), Promise<>(const int&), Promise<>(int&&), Promise<>()>;
TYPED_TEST_SUITE(SignatureTest, Signatures);

// folly 84
TYPED_TEST(SignatureTest, ServesInEveryKindOfCallable) {
  using Callables = CallablesOf<TypeParam>;
  this->expect_called(&Callables::function);
  this->expect_called(std::function<TypeParam>(&Callables::function));
  this->expect_called(typename Callables::Const());
  this->expect_called(typename Callables::NonConst());
  this->expect_called(typename Callables::Rvalue());
  this->expect_called(typename Callables::WithoutCopy());
}

}  // namespace
}  // namespace vow
