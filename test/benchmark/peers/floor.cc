// The floor: each row by hand, with one block of a free list per operation, which is callback, state and place in the queue
// at once. No errors, no ownership, no cancelling but of timers, no type that a user could use: what it costs to do nothing
// else.

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "test/benchmark/peers/peer.h"

namespace {

using namespace peer;

// Memory for one size of blocks, which is never given back.
template <std::size_t kBytes>
class FreeList {
 public:
  static void* take() {
    if (first_ == nullptr) grow();
    return std::exchange(first_, first_->next);
  }
  static void give(void* block) { first_ = new (block) Free{first_}; }

 private:
  struct Free {
    Free* next;
  };
  [[gnu::noinline]] static void grow() {
    constexpr std::size_t kBlocks = 512;
    auto* const chunk = static_cast<std::byte*>(::operator new(kBlocks* kBytes));
    for (std::size_t i = kBlocks; i-- > 0;) give(chunk + i * kBytes);
  }
  static inline Free* first_ = nullptr;
};

// What runs: each kind knows itself what to do, and gives back its block.
struct Job {
  Job* next;
  void (*run)(Job* job);
};

template <class T>
T* make() {
  return static_cast<T*>(FreeList<sizeof(T)>::take());
}
template <class T>
void free(T* block) {
  FreeList<sizeof(T)>::give(block);
}

struct Queue {
  Job* first = nullptr;
  Job** last = &first;

  void push(Job* job) {
    job->next = nullptr;
    *last = job;
    last = &job->next;
  }
  void run() {
    while (Job* job = first) {
      first = job->next;
      if (first == nullptr) last = &first;
      job->run(job);
    }
  }
};
Queue queue;

// A chain of functions.
struct Link : Job {
  Link* child;
  std::int64_t value;
};

std::int64_t end_of_chain;

Link* make_link(void (*run)(Job*)) {
  Link* const link = make<Link>();
  link->run = run;
  link->child = nullptr;
  return link;
}

void pass_on(Link* link, std::int64_t value) {
  if (link->child != nullptr) {
    link->child->value = value;
    queue.push(link->child);
  } else {
    end_of_chain = value;
  }
  free(link);
}

void add_one(Job* job) {
  auto* const link = static_cast<Link*>(job);
  pass_on(link, link->value + 1);
}

Link* make_chain(std::int64_t links, void (*run)(Job*)) {
  Link* const head = make_link(run);
  Link* end = head;
  for (std::int64_t i = 1; i < links; ++i) end = end->child = make_link(run);
  return head;
}

// There is nothing here that could be resolved before or after: one function for both.
void chain(std::int64_t links) {
  Link* const head = make_chain(links, add_one);
  head->value = 0;
  queue.push(head);
  queue.run();
  expect(end_of_chain == links, "chain");
}

// The callback makes another block, which brings the value back a turn later.
struct Inner : Job {
  Link* outer;
  std::int64_t value;
};

void bring_back(Job* job) {
  auto* const inner = static_cast<Inner*>(job);
  pass_on(inner->outer, inner->value);
  free(inner);
}

void chain_flatten(std::int64_t links) {
  Link* const head = make_chain(links, [](Job* job) {
    auto* const link = static_cast<Link*>(job);
    Inner* const inner = make<Inner>();
    inner->value = link->value + 1;
    inner->outer = link;
    inner->run = bring_back;
    queue.push(inner);
  });
  head->value = 0;
  queue.push(head);
  queue.run();
  expect(end_of_chain == links, "chain_flatten");
}

// A callback that adds a value.
struct Add : Job {
  std::int64_t* sum;
  std::int64_t value;
};

void add(Job* job) {
  auto* const block = static_cast<Add*>(job);
  *block->sum += block->value;
  free(block);
}

void then_latency(std::int64_t times) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < times; ++i) {
    Add* const block = make<Add>();
    block->run = add;
    block->sum = &sum;
    block->value = 1;
    queue.push(block);
    queue.run();
  }
  expect(sum == times, "then_latency");
}

void fanout(std::int64_t reactions) {
  std::int64_t sum = 0;
  Queue waiting;
  for (std::int64_t i = 0; i < reactions; ++i) {
    Add* const block = make<Add>();
    block->run = add;
    block->sum = &sum;
    waiting.push(block);
  }
  for (Job* job = waiting.first; job != nullptr;) {
    Job* const next = job->next;
    static_cast<Add*>(job)->value = 1;
    queue.push(job);
    job = next;
  }
  queue.run();
  expect(sum == reactions, "fanout");
}

struct Gathering {
  std::vector<int> values;
  std::int64_t left;
};

struct Input : Job {
  Gathering* all;
  int index;
  int value;
};

void when_all(std::int64_t inputs) {
  Gathering all{std::vector<int>(inputs), inputs};
  std::vector<Input*> sources(inputs);
  for (std::int64_t i = 0; i < inputs; ++i) {
    Input* const input = sources[i] = make<Input>();
    input->all = &all;
    input->index = static_cast<int>(i);
    input->run = [](Job* job) {
      auto* const self = static_cast<Input*>(job);
      self->all->values[self->index] = self->value;
      --self->all->left;
      free(self);
    };
  }
  for (std::int64_t i = inputs; i-- > 0;) {
    sources[i]->value = static_cast<int>(i);
    queue.push(sources[i]);
  }
  queue.run();
  expect(all.left == 0 && all.values[7] == 7, "when_all");
}

void race(std::int64_t inputs) {
  std::vector<Add*> sources(inputs);
  std::int64_t winner = 0;
  for (Add*& source : sources) {
    source = make<Add>();
    source->run = add;
    source->sum = &winner;
  }
  std::swap(sources[inputs / 2], sources.back());
  sources.back()->value = 7;
  queue.push(sources.back());
  sources.pop_back();
  queue.run();
  for (Add* loser : sources) free(loser);
  expect(winner == 7, "race");
}

void post_chain(std::int64_t calls) {
  struct Again : Job {
    std::int64_t* left;
  };
  static constexpr auto kPost = [](std::int64_t* left, void (*run)(Job*)) {
    Again* const block = make<Again>();
    block->run = run;
    block->left = left;
    queue.push(block);
  };
  std::int64_t left = calls;
  kPost(&left, [](Job* job) {
    auto* const again = static_cast<Again*>(job);
    if (--*again->left > 0) kPost(again->left, again->run);
    free(again);
  });
  queue.run();
  expect(left == 0, "post_chain");
}

void post_upfront(std::int64_t calls) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < calls; ++i) {
    Add* const block = make<Add>();
    block->run = add;
    block->sum = &sum;
    block->value = 1;
    queue.push(block);
  }
  queue.run();
  expect(sum == calls, "post_upfront");
}

// From one thread to another, without a lock: who pushes puts himself last, and is then told to the one before.
class Exchange {
 public:
  void push(Job* job) {
    job->next = nullptr;
    Job* const before = last_.exchange(job, std::memory_order_acq_rel);
    std::atomic_ref(before->next).store(job, std::memory_order_release);
  }
  // What this gives has to stay until the next one was given.
  Job* pop() {
    Job* const next = std::atomic_ref(first_->next).load(std::memory_order_acquire);
    if (next != nullptr) first_ = next;
    return next;
  }

 private:
  Job nothing_{nullptr, nullptr};
  alignas(64) Job* first_ = &nothing_;
  alignas(64) std::atomic<Job*> last_{&nothing_};
};

void post_cross_thread(std::int64_t calls) {
  static std::vector<Add> blocks(calls);  // The free list of the other thread.
  Exchange posted;
  std::int64_t sum = 0;
  std::thread other([&] {
    for (Add& block : blocks) {
      block.sum = &sum;
      block.value = 1;
      block.run = [](Job* job) { *static_cast<Add*>(job)->sum += static_cast<Add*>(job)->value; };
      posted.push(&block);
    }
  });
  while (sum < calls) {
    if (Job* const job = posted.pop()) {
      job->run(job);
    } else {
      std::this_thread::yield();
    }
  }
  other.join();
  expect(sum == calls, "post_cross_thread");
}

// A wheel of lists, a slot for each millisecond or so; within one, no order.
struct Timer {
  Timer* next;
  Timer** here;
  void (*fire)(Timer* timer);
  void* argument;
};

class Wheel {
 public:
  void arm(Timer* timer, std::int64_t nanoseconds) {
    Timer** const slot = &slots_[static_cast<std::size_t>((nanoseconds >> kShift) + 1) % kSlots];
    timer->next = *slot;
    timer->here = slot;
    if (timer->next != nullptr) timer->next->here = &timer->next;
    *slot = timer;
  }
  static void disarm(Timer* timer) {
    *timer->here = timer->next;
    if (timer->next != nullptr) timer->next->here = timer->here;
  }
  // Fires what is due before `end`, from `start` on, as the time comes.
  void run(std::int64_t start, std::int64_t end) {
    for (std::int64_t tick = start >> kShift; tick <= (end >> kShift) + 1; ++tick) {
      std::this_thread::sleep_until(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(tick << kShift)));
      Timer*& slot = slots_[static_cast<std::size_t>(tick) % kSlots];
      while (Timer* timer = slot) {
        disarm(timer);
        timer->fire(timer);
      }
    }
  }

 private:
  static constexpr int kShift = 20;
  static constexpr std::size_t kSlots = 1024;
  Timer* slots_[kSlots] = {};
};
Wheel wheel;

std::int64_t now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

void timers_arm_cancel(std::int64_t count) {
  std::vector<Timer*> timers(count);
  Random random;
  const std::int64_t start = now();
  for (Timer*& timer : timers) {
    timer = make<Timer>();
    timer->fire = [](Timer*) { expect(false, "timers_arm_cancel"); };
    wheel.arm(timer, start + random.below(1'000'000) * 1000);
  }
  for (Timer* timer : timers) {
    Wheel::disarm(timer);
    free(timer);
  }
}

void count_down(Timer* timer) {
  --*static_cast<std::int64_t*>(timer->argument);
  free(timer);
}

template <class Delay>
void run_timers(std::int64_t count, std::int64_t longest, Delay delay, const char* row) {
  std::int64_t left = count;
  const std::int64_t start = now();
  for (std::int64_t i = 0; i < count; ++i) {
    Timer* const timer = make<Timer>();
    timer->fire = count_down;
    timer->argument = &left;
    wheel.arm(timer, start + delay());
  }
  wheel.run(start, start + longest);
  expect(left == 0, row);
}

void timers_fire(std::int64_t count) {
  Random random;
  run_timers(
      count, 50'000'000, [&] { return random.below(50'000'000); }, "timers_fire");
}

void sleepers(std::int64_t count) {
  run_timers(
      count, 1'000'000'000, [] { return 1'000'000'000; }, "sleepers");
}

// A coroutine that begins when it is awaited, and then goes on with whoever awaits it.
template <class T>
class Task {
 public:
  struct promise_type {
    std::coroutine_handle<> waiting;
    T value;

    static void* operator new(std::size_t bytes) {
      return bytes <= 64 ? FreeList<64>::take() : bytes <= 128 ? FreeList<128>::take() : FreeList<256>::take();
    }
    static void operator delete(void* block, std::size_t bytes) {
      if (bytes <= 64) return FreeList<64>::give(block);
      bytes <= 128 ? FreeList<128>::give(block) : FreeList<256>::give(block);
    }
    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct GoOn {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> ended) noexcept {
          return ended.promise().waiting;
        }
        void await_resume() noexcept {}
      };
      return GoOn();
    }
    void return_value(T result) { value = result; }
    void unhandled_exception() {}
  };

  explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
  Task(const Task&) = delete;
  ~Task() { coroutine_.destroy(); }

  bool await_ready() { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) {
    coroutine_.promise().waiting = waiting;
    return coroutine_;
  }
  T await_resume() { return coroutine_.promise().value; }

  T run() {
    coroutine_.promise().waiting = std::noop_coroutine();
    coroutine_.resume();
    queue.run();
    return coroutine_.promise().value;
  }

 private:
  std::coroutine_handle<promise_type> coroutine_;
};

struct Settled {
  volatile bool ready;  // Is read each time.
  int value;
  bool await_ready() const { return ready; }
  void await_suspend(std::coroutine_handle<>) const {}
  int await_resume() const { return value; }
};

Task<std::int64_t> await_the_same(const Settled& settled, std::int64_t times) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < times; ++i) sum += co_await settled;
  co_return sum;
}

void await_ready(std::int64_t times) {
  const Settled settled{true, 1};
  expect(await_the_same(settled, times).run() == times, "await_ready");
}

struct NextTurn {
  struct Resume : Job {
    NextTurn* turn;
  };
  std::coroutine_handle<> waiting;
  int value;

  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) {
    waiting = coroutine;
    Resume* const block = make<Resume>();
    block->turn = this;
    block->run = [](Job* job) {
      auto* const self = static_cast<Resume*>(job);
      NextTurn& turn = *self->turn;
      free(self);
      turn.value = 1;
      turn.waiting.resume();
    };
    queue.push(block);
  }
  int await_resume() { return value; }
};

Task<std::int64_t> await_turns(std::int64_t times) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < times; ++i) sum += co_await NextTurn();
  co_return sum;
}

void await_loop(std::int64_t times) { expect(await_turns(times).run() == times, "await_loop"); }

Task<int> fibonacci(int n) {
  if (n < 2) co_return n;
  const int before = co_await fibonacci(n - 1);
  co_return before + co_await fibonacci(n - 2);
}

void coro_fib25(std::int64_t) { expect(fibonacci(25).run() == 75'025, "coro_fib25"); }

}  // namespace

int main(int argc, char** argv) {
  return run_rows(argc, argv,
                  {
                      {"chain_resolved", kLinks, chain},
                      {"chain_pending", kLinks, chain},
                      {"chain_flatten", kLinks, chain_flatten},
                      {"then_latency", kLinks, then_latency},
                      {"fanout", kLinks, fanout},
                      {"when_all", kGathered, when_all},
                      {"race", kLinks, race},
                      {"post_chain", kCalls, post_chain},
                      {"post_upfront", kCalls, post_upfront},
                      {"microtask_chain", kCalls, post_chain},
                      {"post_cross_thread", kCalls, post_cross_thread},
                      {"timers_arm_cancel", kTimers, timers_arm_cancel},
                      {"timers_fire", kFired, timers_fire},
                      {"sleepers", kSleepers, sleepers},
                      {"await_ready", kLinks, await_ready},
                      {"await_loop", kLinks, await_loop},
                      {"coro_fib25", kFibonacciCalls, coro_fib25},
                  });
}
