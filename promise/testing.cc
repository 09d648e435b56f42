#include "promise/testing.h"

#include <set>

#include "promise/internal/state.h"

namespace vow {
namespace testing_internal {

void print_without_value(const promise_internal::State* state, std::ostream& out) {
  if (state == nullptr) {
    out << "moved from";
  } else if (state->is_fulfilled()) {
    out << "fulfilled";
  } else if (state->is_rejected()) {
    out << "rejected " << state->error();
  } else {
    out << "pending, made at " << to_string(state->where());
  }
}

void explain(const promise_internal::State* state, ::testing::MatchResultListener& listener) {
  if (state != nullptr && !state->is_pending()) listener << "made at " << to_string(state->where());
}

void ErrorMatcher::describe(std::ostream& out) const {
  out << "rejected, with a code that ";
  code_.DescribeTo(&out);
  out << " and a message that ";
  message_.DescribeTo(&out);
}

bool ErrorMatcher::matches(const promise_internal::State* state, ::testing::MatchResultListener& listener) const {
  explain(state, listener);
  return state != nullptr && state->is_rejected() && code_.Matches(state->error().code()) &&
         message_.Matches(std::string(state->error().message()));
}

namespace {

void fail(SourceLocation where, const std::string& what) {
  ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << what;
}

}  // namespace
}  // namespace testing_internal

PromiseTest::PromiseTest(LoopOptions options, SourceLocation where)
    : handler_before_(on_unhandled_rejection([](const absl::Status& error, SourceLocation made_at) {
        testing_internal::fail(made_at,
                               "the promise made here was rejected, and nobody has handled it: " + error.ToString());
      })),
      loop(options, where) {
  promise_internal::hold_unhandled_rejections();
}

PromiseTest::~PromiseTest() {
  std::set<const void*> pending;
  for (const auto& [address, report] : watch_.blocks()) {
    if (report.what != std::string("promise") || !report.is_pending) continue;
    pending.insert(address);
    testing_internal::fail(report.where, "the promise made here has not settled at the end of the test");
  }
  promise_internal::report_unhandled_rejections();
  loop.close();
  for (const auto& [address, report] : watch_.blocks()) {
    if (pending.count(address) > 0) continue;
    testing_internal::fail(report.where, std::string("the ") + report.what +
                                             " made here is still there after the test: something has kept its handle");
  }
  on_unhandled_rejection(std::move(handler_before_));
}

void PromiseTest::run() { EXPECT_EQ(loop.run(), absl::OkStatus()); }

void PromiseTest::run_for(absl::Duration time) {
  loop.call_later(time, [this] { loop.stop(); });
  EXPECT_EQ(loop.run_forever(), absl::OkStatus());
}

}  // namespace vow
