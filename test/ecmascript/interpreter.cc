#include "test/ecmascript/interpreter.h"

#include <cstddef>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "loop/event_loop.h"
#include "loop/source_location.h"
#include "promise/all_settled.h"
#include "promise/promise.h"
#include "promise/race.h"
#include "promise/unhandled_rejection.h"
#include "promise/when_all.h"
#include "promise/when_any.h"
#include "test/ecmascript/numbered_coroutine.h"
#include "test/ecmascript/place.h"

namespace vow::ecmascript {
namespace {

// Beyond, ticks are not counted.
constexpr int kMostTicks = 64;

absl::Status error_of(Word word) { return absl::UnknownError(to_string(word)); }

std::string name_of(const absl::Status& error) {
  const std::vector<absl::Status> reasons = when_any_errors(error);
  if (!reasons.empty() || absl::StrContains(error.message(), "when_any of no promises")) {
    const auto append_name = [](std::string* out, const absl::Status& reason) { *out += name_of(reason); };
    return absl::StrCat("all(", absl::StrJoin(reasons, ",", append_name), ")");
  }
  if (absl::IsUnknown(error)) return std::string(error.message());
  if (absl::StrContains(error.message(), "chaining cycle")) return "cycle";
  return error.ToString();
}

std::string name_of(const absl::StatusOr<int>& outcome) {
  return outcome.ok() ? to_string({'v', *outcome}) : name_of(outcome.status());
}

// While it lives, it gets the reports of unhandled rejections.
class Listener {
 public:
  explicit Listener(UnhandledRejectionHandler handler)
      : previous_handler_(on_unhandled_rejection(std::move(handler))) {}
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { on_unhandled_rejection(std::move(previous_handler_)); }

 private:
  UnhandledRejectionHandler previous_handler_;
};

// How often a program names each promise, by number.
class Uses {
 public:
  explicit Uses(const Program& program) {
    for (const std::vector<Step>& turn : program.turns) count(turn);
  }

  bool is_last_use(Word promise) { return --of_promise_[promise.number] == 0; }
  bool is_last_settling(Word promise) { return --of_deferred_[promise.number] == 0; }
  bool is_unused(Word promise) { return of_promise_[promise.number] == 0; }

 private:
  void count(const std::vector<Step>& steps) {
    for (const Step& step : steps) {
      // The inputs of combinators are to be kept: one use more than there is.
      for (Word operand : step.operands) count(operand, is_combinator(step.op) ? 2 : 1);
      if (step.op == Op::kSettle) ++of_deferred_[step.target.number];
      for (const Handler& handler : step.handlers) {
        count(handler.steps);
        count(handler.outcome, 1);
      }
    }
  }
  static bool is_combinator(Op op) {
    return op == Op::kAll || op == Op::kAllSettled || op == Op::kAny || op == Op::kRace;
  }
  void count(Word word, int uses) {
    if (word.letter == 'p') of_promise_[word.number] += uses;
  }

  std::map<int, int> of_promise_;
  std::map<int, int> of_deferred_;
};

class Interpreter {
 public:
  Interpreter(const Program& program, Way way) : program_(program), way_(way), uses_(program) {}

  Record run() {
    loop_.call_soon([&] { run_turns(0); });
    if (absl::Status status = loop_.run(); !status.ok()) say(status.ToString());
    Record record{absl::StrJoin(log_, " "), ""};
    if (way_.drops_handles) return record;
    record.end = absl::StrJoin(promises_, " ", [](std::string* out, const auto& promise) {
      absl::StrAppend(out, "p", promise.first, "=", end_of(promise.second));
    });
    return record;
  }

 private:
  static std::string end_of(const Promise<int>& promise) {
    if (promise.is_pending()) return "?";
    return promise.is_fulfilled() ? to_string({'v', promise.value()}) : name_of(promise.status());
  }

  void say_unhandled(SourceLocation where) {
    const int number = number_of(where);
    say(number < 0 ? "unhandled, made at " + vow::to_string(where) : "!" + to_string({'p', number}));
  }

  void say(std::string word) { log_.push_back(std::move(word)); }

  // For what happens in a microtask: after the number of its tick, if nothing has happened in that one yet.
  void say_in_tick(std::string word) {
    if (tick_ != last_tick_) say(std::to_string(tick_));
    last_tick_ = tick_;
    say(std::move(word));
  }

  // Begins a turn or a block of its own: counts the ticks from here.
  void begin_ticks() {
    tick_ = last_tick_ = 0;
    if (way_.counts_ticks) tick();
  }
  void tick() {
    loop_.queue_microtask([this] {
      if (++tick_ < kMostTicks) tick();
    });
  }

  void run_turns(std::size_t index) {
    begin_ticks();
    run_steps(program_.turns[index]);
    if (index + 1 < program_.turns.size()) loop_.call_soon([this, index] { run_turns(index + 1); });
  }
  void run_steps(const std::vector<Step>& steps) {
    for (const Step& step : steps) execute(step);
  }
  void run_block(const Step& step) {
    if (step.op == Op::kLater) begin_ticks();
    say_in_tick(to_string(step.target));
    run_steps(step.handlers[0].steps);
  }

  bool operands_exist(const Step& step) {
    return absl::c_all_of(step.operands, [this](Word operand) { return operand.letter != 'p' || exists(operand); });
  }
  bool exists(Word word) {
    if (promises_.contains(word.number)) return true;
    say(absl::StrCat("missing:", to_string(word)));
    return false;
  }

  // To be used once for each time that the program names the promise.
  Promise<int> use(Word word) {
    Promise<int>& promise = promises_.at(word.number);
    if (!way_.drops_handles || !uses_.is_last_use(word)) return promise;
    return std::move(promises_.extract(word.number).mapped());
  }

  void execute(const Step& step) {
    if (step.op == Op::kLater) return static_cast<void>(loop_.call_soon([&] { run_block(step); }));
    if (step.op == Op::kMicro) return loop_.queue_microtask([&] { run_block(step); });
    if (!operands_exist(step)) return;
    if (step.op == Op::kSettle) return settle(step.target, step.operands[0]);
    Promise<int> promise = make(step);
    if (!way_.drops_handles || !uses_.is_unused(step.target)) {
      promises_.emplace(step.target.number, std::move(promise));
    }
  }

  void settle(Word target, Word outcome) {
    const auto deferred = deferreds_.find(target.number);
    if (deferred == deferreds_.end()) return say(absl::StrCat("missing:", to_string(target)));
    if (outcome.letter == 'v') deferred->second.resolve(outcome.number);
    if (outcome.letter == 'e') deferred->second.reject(error_of(outcome));
    if (outcome.letter == 'p') deferred->second.resolve(use(outcome));
    if (way_.drops_handles && uses_.is_last_settling(target)) deferreds_.erase(deferred);
  }

  // Logs a list, which goes on as its length, for all values are numbers.
  auto count_of(const Step& step) {
    return [this, &step](const auto& list) {
      const auto append_name = [](std::string* out, const absl::StatusOr<int>& outcome) { *out += name_of(outcome); };
      say_in_tick(absl::StrCat(to_string(step.target), ":", absl::StrJoin(list, ",", append_name)));
      return static_cast<int>(list.size());
    };
  }

  Promise<int> make(const Step& step) {
    const SourceLocation where = place_of(step.target.number);
    switch (step.op) {
      case Op::kNew:
        return deferreds_.emplace(step.target.number, Deferred<int>(where)).first->second.promise();
      case Op::kIs:
        if (step.operands[0].letter == 'e') return reject<int>(error_of(step.operands[0]), where);
        return resolve(step.operands[0].number, where);
      case Op::kAll:
        return when_all(inputs(step), where).then(count_of(step), where);
      case Op::kAllSettled:
        return all_settled(inputs(step), where).then(count_of(step), where);
      case Op::kAny:
        return when_any(inputs(step), where);
      case Op::kRace:
        return race(inputs(step), where);
      case Op::kAsync:
        return run_async(Numbered{step.target.number}, *this, step.handlers[0]);
      default:
        break;
    }
    if (step.target.number % 2 == 0) return chain(use(step.operands[0]), step, where);
    const Promise<int> kept = use(step.operands[0]);
    return chain(kept, step, where);
  }

  static Promise<int> run_async(Numbered, Interpreter& interpreter, const Handler& function) {
    for (const Step& step : function.steps) {
      if (step.op != Op::kAwait && step.op != Op::kSettled) {
        interpreter.execute(step);
        continue;
      }
      if (!interpreter.operands_exist(step)) continue;
      const Word operand = step.operands[0];
      Promise<int> source = operand.letter == 'p' ? interpreter.use(operand) : resolve(operand.number);
      absl::StatusOr<int> outcome;
      if (step.op == Op::kSettled) {
        outcome = co_await std::move(source).settled();
      } else if (step.target.number % 2 == 0) {
        outcome = co_await std::move(source);
      } else {
        outcome = co_await source;
      }
      interpreter.say_in_tick(absl::StrCat(to_string(step.target), ":", name_of(outcome)));
    }
    const Word outcome = function.outcome;
    if (outcome.letter == 'v') co_return outcome.number;
    if (outcome.letter == 'p') co_return interpreter.exists(outcome) ? interpreter.use(outcome) : resolve(0);
    throw_if_odd(outcome);
    if (outcome.number % 4 == 0) co_await error_of(outcome);
    co_return error_of(outcome);
  }

  std::vector<Promise<int>> inputs(const Step& step) {
    std::vector<Promise<int>> inputs;
    for (Word operand : step.operands) inputs.push_back(use(operand));
    return inputs;
  }

  template <class Source>
  Promise<int> chain(Source&& source, const Step& step, SourceLocation where) {
    const Handler& first = step.handlers[0];
    switch (step.op) {
      case Op::kCatch:
        return with_result(first, [&](auto result) {
          return std::forward<Source>(source).catch_(on_error(result, step, first), where);
        });
      case Op::kFinally:
        return with_result(first, [&](auto result) {
          return std::forward<Source>(source).finally(on_either(result, step, first), where);
        });
      default:
        return with_result(first, [&](auto result) {
          auto arm = on_value(result, step, first);
          if (step.handlers.size() == 1) return std::forward<Source>(source).then(arm, where);
          const Handler& second = step.handlers[1];
          return with_result(second, [&](auto second_result) {
            return std::forward<Source>(source).then(arm, on_error(second_result, step, second), where);
          });
        });
    }
  }

  // Calls f with a tag for the type that the handler's callback is to return: whether that is a promise decides the
  // number of ticks.
  template <class F>
  static Promise<int> with_result(const Handler& handler, F f) {
    switch (handler.outcome.letter) {
      case 'v':
        return f(std::type_identity<int>());
      case 'e':
        return f(std::type_identity<absl::StatusOr<int>>());
      default:
        return f(std::type_identity<Promise<int>>());
    }
  }

  template <class Result>
  auto on_value(std::type_identity<Result>, const Step& step, const Handler& handler) {
    return [this, &step, &handler](int value) {
      say_in_tick(absl::StrCat(to_string(step.target), ":", to_string({'v', value})));
      return call<Result>(handler);
    };
  }
  template <class Result>
  auto on_error(std::type_identity<Result>, const Step& step, const Handler& handler) {
    return [this, &step, &handler](const absl::Status& error) {
      say_in_tick(absl::StrCat(to_string(step.target), ":", name_of(error)));
      return call<Result>(handler);
    };
  }
  template <class Result>
  auto on_either(std::type_identity<Result>, const Step& step, const Handler& handler) {
    return [this, &step, &handler] {
      say_in_tick(to_string(step.target));
      return call<Result>(handler);
    };
  }

  template <class Result>
  Result call(const Handler& handler) {
    run_steps(handler.steps);
    if constexpr (std::is_same_v<Result, int>) {
      return handler.outcome.number;
    } else if constexpr (std::is_same_v<Result, absl::StatusOr<int>>) {
      throw_if_odd(handler.outcome);
      return error_of(handler.outcome);
    } else {
      return exists(handler.outcome) ? use(handler.outcome) : resolve(0);
    }
  }

  // There are two ways for an error to leave a function.
  static void throw_if_odd([[maybe_unused]] Word error) {
#ifdef __cpp_exceptions
    if (error.number % 2 == 1) throw error_of(error);
#endif
  }

  const Program& program_;
  const Way way_;
  Uses uses_;
  std::vector<std::string> log_;
  int tick_ = 0;
  int last_tick_ = 0;  // When something happened last.
  // Outlives the loop and the promises, whose end is not to be reported to anybody else.
  Listener listener_{[this](const absl::Status&, SourceLocation where) { say_unhandled(where); }};
  EventLoop loop_{LoopOptions{.clock = Clock::kVirtual}};
  std::map<int, Deferred<int>> deferreds_;
  std::map<int, Promise<int>> promises_;
};

}  // namespace

Record run_on_vow(const Program& program, Way way) { return Interpreter(program, way).run(); }

}  // namespace vow::ecmascript
