// vow: promises as in JavaScript, for C++.
//
// A MANUAL
//
// A Promise<T> is an absl::StatusOr<T> that arrives later. It is pending, then it settles, once: fulfilled with a T, or
// rejected with an absl::Status. `then` says what is to be done with the value, and gives the promise of what comes of
// that:
//
//   Promise<int> square(int x) {
//     return sleep(absl::Seconds(1)).then([x] { return x * x; });
//   }
//   square(3).then([](int y) { std::cout << y << "\n"; });          // 9, a second later
//
// WHAT A CALLBACK MAY TAKE AND RETURN. It takes the value, or nothing. It returns a value, or an error, or something
// that will be one or the other; `then` makes a Promise<U> of each of these:
//
//   .then([](int x) { return x + 1; })                              // a value U
//   .then([](int x) { use(x); })                                    // nothing: a Promise<void>
//   .then([](int x) -> absl::StatusOr<int> { return parse(x); })    // a value or an error
//   .then([](int x) -> absl::Status { return store(x); })           // nothing or an error
//   .then([](int x) { return square(x); })                          // a promise: its outcome, when it is there
//
// ERRORS travel down the chain, past every `then` and unchanged, to the first `catch_`. What it returns goes on as a
// value:
//
//   fetch(url).then(parse).catch_([](absl::Status error) { return kDefault; }).then(show);
//
// `finally` runs in any case, and lets the outcome pass; `settled` makes a value of it: an absl::StatusOr<T>. Nothing
// here throws. Where exceptions are enabled, what a callback throws rejects the promise of its `then`. A rejection that
// nobody handles is reported on stderr, with the place where the promise was made: see promise/unhandled_rejection.h.
//
// ASYNC/AWAIT: a function that returns a Promise may be a coroutine, with promise/coroutine.h:
//
//   Promise<int> square(int x) {
//     co_await sleep(absl::Seconds(1));
//     co_return x * x;
//   }
//
// SEVERAL AT A TIME: when_all, when_any, race, all_settled, as_completed, map, each in a header of its own; with_timeout,
// retry and interval deal with time.
//
//   when_all(fetch(a), fetch(b)).then([](std::tuple<Page, Page> pages) { ... });
//
// WHEN CALLBACKS RUN. Never inside of `then`, `resolve`, `reject` or `cancel`: always later, from the event loop's queue
// of microtasks, in the order that ECMAScript lays down, to the tick. Whether a promise was settled already makes no
// difference.
//
// WHO OWNS WHAT. A Promise is a handle, one pointer wide. It can be copied if T can; all copies stand for the same
// outcome. `p.then(f)` lends the value to f as a const T&, as often as one likes. `std::move(p).then(f)`, and so each
// `then` further down a chain, gives p away: f gets a T&&, moved if nobody else can see the value, and copied if
// somebody can. Dropping a handle stops nothing: the work goes on, and callbacks run.
//
// CANCELLING is what JavaScript has not: p.cancel() rejects p, and asks for the work behind it to be stopped. The request
// goes up from p to what it waits for, as far as nobody else holds that or waits for it:
//
//   Promise<> show = fetch(url).then(parse).then(render);
//   show.cancel();   // Nothing is rendered or parsed; the fetch is stopped, if fetch knows how: see Deferred::on_cancel
//
// A combinator that needs an input no more, a lost race say, lets go of it in the same way.
//
// MAKING ONE. From a value, by `return 5;` or `resolve(5)`; from an error, by `return absl::NotFoundError("x");`; from
// whatever calls back, by a Deferred:
//
//   Deferred<int> answer;
//   ask([answer = std::move(answer)](int x) mutable { answer.resolve(x); });
//
// TRAPS. A callback that blocks, blocks everything. References that a callback captures must live until it ran. A
// promise that nobody settles: a Deferred that is dropped rejects its promise, but one that is kept for ever does not.
// The callback that has returned a promise is destroyed when that has settled, so a callback that owns something and
// returns the promise of the next round, and so on, piles up; one that captures no more than a pointer or two does not
// (and may go earlier, so it should not lend out the address of such a capture).
//
// THREADS. A promise belongs to the event loop, and so to the thread, on which it was made.
//
// MEMORY. What makes something (then, Deferred, when_all ...) throws std::bad_alloc when there is none, and has changed
// nothing then. What settles, cancels or drops needs none.

#ifndef VOW_PROMISE_PROMISE_H_
#define VOW_PROMISE_PROMISE_H_

#include <concepts>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "loop/source_location.h"
#include "promise/internal/producer.h"
#include "promise/internal/reaction.h"
#include "promise/internal/result_of.h"
#include "promise/internal/state.h"
#include "promise/internal/typed_state.h"

namespace vow {

// The outcome of something that may still be under way. T is any type that can be moved, or void.
//
// A promise that was moved from stands for nothing: it may be assigned to and destroyed; anything else ends the
// program.
//
// Each operator comes twice: on a promise that is kept (p.then(f)), which lends its value, and on one that is given
// away (std::move(p).then(f), or f().then(g)), which passes it on. `where` is where the call stands; leave it to the
// compiler.
template <class T>
class Promise {
  static_assert(
      !promise_internal::kIsPromise<T>,
      "there is no Promise<Promise<T>>: a promise that a promise is resolved with is followed; say Promise<T>");
  static_assert(promise_internal::kIsPromise<T> || promise_internal::kIsPromisable<T>,
                "the T of a Promise<T> must be void or a type that can be moved");

  template <class F>
  using AfterLending = Promise<promise_internal::ThenValue<std::decay_t<F>, promise_internal::Lent<T>>>;
  template <class F>
  using AfterGiving = Promise<promise_internal::ThenValue<std::decay_t<F>, promise_internal::Given<T>>>;
  using Outcome = promise_internal::Outcome<T>;
  using PassThrough = promise_internal::PassThrough;
  using State = promise_internal::TypedState<T>;
  static constexpr bool kCopyable = promise_internal::kIsCopyable<promise_internal::Stored<T>>;

 public:
  using value_type = T;

  // What the compiler finds for a coroutine when promise/coroutine.h, which has the real one, is not included.
  struct promise_type {
    static_assert(promise_internal::kNever<T>, "a file with coroutines must include promise/coroutine.h");
  };

  // A settled promise: fulfilled with a value, rejected with an error, or whichever the StatusOr holds. For
  // Promise<void>, an OK status fulfills.
  template <promise_internal::PlainValueFor<T> U = T>
  Promise(U&& value, SourceLocation where = SourceLocation::current())  // NOLINT: implicit, as absl::StatusOr's
      : Promise(Settled(), std::forward<U>(value), where) {}
  template <std::same_as<absl::Status> Error>
  Promise(Error error, SourceLocation where = SourceLocation::current())  // NOLINT: likewise
      : Promise(Settled(), std::move(error), where) {}
  template <promise_internal::PlainValueFor<T> U>
  Promise(absl::StatusOr<U> outcome, SourceLocation where = SourceLocation::current())  // NOLINT: likewise
      : Promise(Settled(), std::move(outcome), where) {}

  Promise(const Promise& other) requires kCopyable : state_(other.state_) {
    if (state_ != nullptr) state_->add_reference();
  }
  Promise(const Promise& other) requires(!kCopyable) = delete;
  Promise(Promise&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Promise& operator=(Promise other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Promise() {
    if (state_ != nullptr) state_->remove_reference();
  }

  // Calls f with the value, once it is there. Gives the promise of what f returns. An error passes f by.
  template <class F>
  AfterLending<F> then(F&& f, SourceLocation where = SourceLocation::current()) const& {
    State& state = use("then", where);
    return keep(state,
                chain<promise_internal::Lent<T>, AfterLending<F>>(state, std::forward<F>(f), PassThrough(), where));
  }
  template <class F>
  AfterGiving<F> then(F&& f, SourceLocation where = SourceLocation::current()) && {
    State& state = use("then", where);
    return give(chain<promise_internal::Given<T>, AfterGiving<F>>(state, std::forward<F>(f), PassThrough(), where));
  }

  // Calls f with the value or g with the error, whichever comes. g must return what f's promise can be made of. An
  // error that f returns does not come to g: for that, say then(f).catch_(g).
  template <class F, class G>
  AfterLending<F> then(F&& f, G&& g, SourceLocation where = SourceLocation::current()) const& {
    State& state = use("then", where);
    return keep(
        state, chain<promise_internal::Lent<T>, AfterLending<F>>(state, std::forward<F>(f), std::forward<G>(g), where));
  }
  template <class F, class G>
  AfterGiving<F> then(F&& f, G&& g, SourceLocation where = SourceLocation::current()) && {
    State& state = use("then", where);
    return give(
        chain<promise_internal::Given<T>, AfterGiving<F>>(state, std::forward<F>(f), std::forward<G>(g), where));
  }

  // Calls g with the error, if there is one; g takes an absl::Status or nothing, and returns what a Promise<T> can be
  // made of: a T, an absl::Status, an absl::StatusOr<T> or a Promise<T>. A value passes g by.
  template <class G>
  Promise catch_(G&& g, SourceLocation where = SourceLocation::current()) const& {
    State& state = use("catch_", where);
    return keep(state, chain<promise_internal::Lent<T>, Promise>(state, PassThrough(), std::forward<G>(g), where));
  }
  template <class G>
  Promise catch_(G&& g, SourceLocation where = SourceLocation::current()) && {
    State& state = use("catch_", where);
    return give(chain<promise_internal::Given<T>, Promise>(state, PassThrough(), std::forward<G>(g), where));
  }

  // Calls h, without arguments, when this promise has settled, either way; then settles as this one did. If h returns a
  // promise, waits for it. An error that h returns takes the place of the outcome; a value is ignored.
  template <class H>
  Promise finally(H&& h, SourceLocation where = SourceLocation::current()) const& {
    static_assert(kCopyable,
                  "p.finally(h) would have to copy a value that cannot be copied: say std::move(p).finally(h)");
    State& state = use("finally", where);
    return keep(state, finally_after(state, std::forward<H>(h), where));
  }
  template <class H>
  Promise finally(H&& h, SourceLocation where = SourceLocation::current()) && {
    return give(finally_after(use("finally", where), std::forward<H>(h), where));
  }

  // The outcome as a value, an absl::StatusOr<T> (for a Promise<void>, an absl::Status). Never rejects.
  Promise<Outcome> settled(SourceLocation where = SourceLocation::current()) const& {
    static_assert(kCopyable,
                  "p.settled() would have to copy a value that cannot be copied: say std::move(p).settled()");
    State& state = use("settled", where);
    return keep(state, outcome_of(state, where));
  }
  Promise<Outcome> settled(SourceLocation where = SourceLocation::current()) && {
    return give(outcome_of(use("settled", where), where));
  }

  // Asks for the work to be stopped: rejects this promise at once, as Cancelled, with `reason` for message, and asks its
  // producer to stop. That is a Deferred (see on_cancel), a timer, or the promise that this one waits for, which is
  // cancelled as well if nobody else holds it or waits for it. False, and nothing done, if it has settled, or its loop is
  // closed.
  bool cancel(absl::string_view reason = "cancelled", SourceLocation where = SourceLocation::current()) const {
    return look("cancel", where).cancel(absl::CancelledError(reason), where);
  }

  bool is_pending(SourceLocation where = SourceLocation::current()) const {
    return look("is_pending", where).is_pending();
  }
  bool is_fulfilled(SourceLocation where = SourceLocation::current()) const {
    return look("is_fulfilled", where).is_fulfilled();
  }
  bool is_rejected(SourceLocation where = SourceLocation::current()) const {
    return look("is_rejected", where).is_rejected();
  }

  // The value of a fulfilled promise. Ends the program if it is not fulfilled.
  promise_internal::Lent<T> value(SourceLocation where = SourceLocation::current()) const {
    promise_internal::TypedState<T>& state = look("value", where);
    if (!state.is_fulfilled()) [[unlikely]]
      promise_internal::no_value(state, where);
    state.mark_seen();
    if constexpr (!std::is_void_v<T>) return state.value();
  }

  // OK if fulfilled, the error if rejected, Unavailable while pending. Who asks has handled the error.
  absl::Status status(SourceLocation where = SourceLocation::current()) const { return look("status", where).status(); }

 private:
  friend promise_internal::Access;
  struct Settled {};

  explicit Promise(State* state) : state_(state) {}

  template <class R>
  Promise(Settled, R&& outcome, SourceLocation where) {
    auto* state = new promise_internal::PlainState<T>(where);
    state_ = state;
    state->resolve_from([&]() -> R&& { return std::forward<R>(outcome); });
  }

  State& look(const char* call, SourceLocation where) const {
    if (state_ == nullptr) [[unlikely]]
      promise_internal::moved_from(call, "Promise", where);
    return *state_;
  }

  State& use(const char* call, SourceLocation where) const { return promise_internal::Access::use(*this, call, where); }

  // The promise that an operator has made, which needs a reference to the state of this one: another, or this one's.
  template <class Next>
  static Next keep(State& state, Next next) {
    state.add_reference();
    return next;
  }
  template <class Next>
  Next give(Next next) {
    state_ = nullptr;
    return next;
  }

  template <class Argument, class Next, class F, class G>
  static Next chain(State& state, F&& f, G&& g, SourceLocation where) {
    using U = typename Next::value_type;
    using Shape = promise_internal::ThenShape<T, U, Argument, std::decay_t<F>, std::decay_t<G>>;
    if constexpr (Shape::kFits) {
      using Reaction = promise_internal::Then<T, U, Argument, std::decay_t<F>, std::decay_t<G>>;
      return promise_internal::Access::make<U>(new Reaction(state, std::forward<F>(f), std::forward<G>(g), where));
    } else {
      promise_internal::explain<T, Shape>();
      __builtin_unreachable();
    }
  }

  template <class H>
  static Promise finally_after(State& state, H&& h, SourceLocation where) {
    if constexpr (promise_internal::kTakes<std::decay_t<H>, void>) {
      using Reaction = promise_internal::Finally<T, std::decay_t<H>>;
      return Promise(new Reaction(state, std::forward<H>(h), where));
    } else {
      static_assert(promise_internal::kNever<H>, "finally(h): h must be callable without arguments");
      __builtin_unreachable();
    }
  }

  static Promise<Outcome> outcome_of(State& state, SourceLocation where) {
    return promise_internal::Access::make<Outcome>(new promise_internal::Settled<T>(state, where));
  }

  State* state_;  // Owned, in the sense of a reference; null when moved from.
};

// The producer's end of a promise. It settles its promise at most once: the first call counts, later ones return false
// and do nothing. Dropped before it settled, it rejects its promise: Aborted, "broken promise".
template <class T = void>
class Deferred {
  static_assert(promise_internal::kIsPromisable<T>,
                "the T of a Deferred<T> must be void or a type that can be moved, and no promise");

 public:
  explicit Deferred(SourceLocation where = SourceLocation::current())
      : state_(new promise_internal::PlainState<T>(where)) {}
  Deferred(Deferred&& other) noexcept : state_(std::exchange(other.state_, nullptr)), handed_out_(other.handed_out_) {}
  Deferred& operator=(Deferred other) noexcept {
    std::swap(state_, other.state_);
    std::swap(handed_out_, other.handed_out_);
    return *this;
  }
  ~Deferred() {
    if (state_ == nullptr) return;
    Producer(*state_).gone();
    state_->remove_reference();
  }

  // The promise. As often as one likes, or, if T cannot be copied, once.
  Promise<T> promise(SourceLocation where = SourceLocation::current()) {
    look("promise", where);
    if constexpr (!kCopyable) {
      if (std::exchange(handed_out_.value, true)) promise_internal::handed_out_before(where);
    }
    state_->add_reference();
    return promise_internal::Access::make<T>(state_);
  }

  // Fulfills the promise with a T, settles it by an absl::StatusOr<T>, or has it follow a Promise<T>: then it settles
  // as that one does.
  template <class R>
  bool resolve(R&& result, SourceLocation where = SourceLocation::current()) {
    if constexpr (promise_internal::kLeadsTo<R&&, T>) {
      if (!may_settle("resolve", where)) return false;
      const OwnedHook unused(Producer(*state_).take_hook());
      if constexpr (promise_internal::kIsPromise<std::remove_cvref_t<R>>) Producer(*state_).resolved_with_promise();
      state_->resolve_from([&]() -> R&& { return std::forward<R>(result); });
      return true;
    } else {
      static_assert(
          promise_internal::kNever<R>,
          "resolve(x): x must be what a Promise<T> can be made of: a T, an absl::StatusOr<T> or a Promise<T>");
    }
  }
  bool resolve(SourceLocation where = SourceLocation::current()) requires std::is_void_v<T> {
    if (!may_settle("resolve", where)) return false;
    const OwnedHook unused(Producer(*state_).take_hook());
    state_->fulfill();
    return true;
  }

  // Rejects the promise. An error that is OK is an error itself: Internal.
  bool reject(absl::Status error, SourceLocation where = SourceLocation::current()) {
    if (!may_settle("reject", where)) return false;
    const OwnedHook unused(Producer(*state_).take_hook());
    state_->reject(std::move(error));
    return true;
  }

  // Calls f, in a microtask, if the promise is cancelled; f takes the reason, an absl::Status, or nothing, and is to stop
  // the work. The promise is rejected already then. f is destroyed when it has run, or when the promise is resolved or
  // rejected from this end. It is called also if the promise has been cancelled before; another f takes its place. What
  // it throws ends the program.
  template <class F>
  void on_cancel(F&& f, SourceLocation where = SourceLocation::current()) {
    if constexpr (promise_internal::kIsCallback<std::decay_t<F>, absl::Status>) {
      look("on_cancel", where).check_thread("on_cancel", where);
      Producer(*state_).set_hook(*new promise_internal::CancelCall<std::decay_t<F>>(std::forward<F>(f)));
    } else {
      static_assert(promise_internal::kNever<F>,
                    "on_cancel(f): f must be callable with absl::Status, or without arguments");
    }
  }

  // Whether the promise is pending and anybody holds it or waits for it.
  bool is_awaited(SourceLocation where = SourceLocation::current()) const {
    return Producer(look("is_awaited", where)).is_awaited();
  }

 private:
  using Producer = promise_internal::State::Producer;
  using OwnedHook = promise_internal::OwnedHook;

  promise_internal::PlainState<T>& look(const char* call, SourceLocation where) const {
    if (state_ == nullptr) [[unlikely]]
      promise_internal::moved_from(call, "Deferred", where);
    return *state_;
  }
  bool may_settle(const char* call, SourceLocation where) const {
    look(call, where).check_thread(call, where);
    return state_->is_unresolved();
  }

  static constexpr bool kCopyable = promise_internal::kIsCopyable<promise_internal::Stored<T>>;
  struct HandedOut {
    bool value = false;
  };
  struct Nothing {};

  promise_internal::PlainState<T>* state_;  // Owned, in the sense of a reference; null when moved from.
  [[no_unique_address]] std::conditional_t<kCopyable, Nothing, HandedOut> handed_out_;
};

// A promise of what x stands for, as if a callback had returned it: of a value, an error, or either; a promise is given
// back as it is. resolve(): a fulfilled Promise<void>.
template <class R>
Promise<promise_internal::Unwrapped<std::decay_t<R>>> resolve(R&& x, SourceLocation where = SourceLocation::current()) {
  if constexpr (promise_internal::kIsPromise<std::decay_t<R>>) {
    return std::forward<R>(x);
  } else {
    return {std::forward<R>(x), where};
  }
}
inline Promise<> resolve(SourceLocation where = SourceLocation::current()) { return {absl::OkStatus(), where}; }

// A rejected promise. An error that is OK is an error itself: Internal.
template <class T = void>
Promise<T> reject(absl::Status error, SourceLocation where = SourceLocation::current()) {
  auto* state = new promise_internal::PlainState<T>(where);
  state->reject(std::move(error));
  return promise_internal::Access::make<T>(state);
}

// Calls executor with the Deferred<T> of a new promise, now, and gives that promise: JavaScript's `new
// Promise(executor)`.
template <class T = void, class Executor>
Promise<T> make_promise(Executor&& executor, SourceLocation where = SourceLocation::current()) {
  if constexpr (std::is_invocable_v<Executor, Deferred<T>>) {
    Deferred<T> deferred(where);
    Promise<T> promise = deferred.promise();
    promise_internal::guarded(
        [&] { std::forward<Executor>(executor)(std::move(deferred)); },
        [&] { promise_internal::State::Producer(*promise_internal::Access::look(promise)).threw(); });
    return promise;
  } else {
    static_assert(promise_internal::kNever<Executor>, "make_promise<T>(f): f must be callable with a Deferred<T>");
    __builtin_unreachable();
  }
}

// Calls f without arguments, now, and gives the promise of what it returns, or threw: JavaScript's Promise.try. If that is
// a promise, an f that is given away lives until it has settled, as a callback of `then` does; one that is kept has to.
template <class F>
Promise<promise_internal::ThenValue<F, void>> attempt(F&& f, SourceLocation where = SourceLocation::current()) {
  if constexpr (promise_internal::kTakes<F, void>) {
    using T = promise_internal::ThenValue<F, void>;
    if constexpr (!std::is_lvalue_reference_v<F> &&
                  promise_internal::kIsPromise<std::remove_cvref_t<promise_internal::CallResult<F, void>>>) {
      using Call = promise_internal::Then<void, T, void, F, promise_internal::PassThrough>;
      Promise<> nothing = resolve(where);
      auto* call = new Call(typename Call::Now(), *promise_internal::Access::look(nothing), std::forward<F>(f), where);
      promise_internal::Access::give_away(std::move(nothing));
      call->call_now();
      return promise_internal::Access::make<T>(call);
    } else {
      auto* state = new promise_internal::PlainState<T>(where);
      state->resolve_from([&]() -> decltype(auto) { return std::forward<F>(f)(); });
      return promise_internal::Access::make<T>(state);
    }
  } else {
    static_assert(promise_internal::kNever<F>, "attempt(f): f must be callable without arguments");
    __builtin_unreachable();
  }
}

}  // namespace vow

#endif  // VOW_PROMISE_PROMISE_H_
