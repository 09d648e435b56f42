// The cake and the groceries, with generator functions. A function yields how long it wants to wait, and
// the scheduler below resumes it: that is what asyncio's event loop was made of at first.
//
// Prints, three seconds in all (a minute takes a twentieth of a second):
//   make the dough
//   cake into the oven
//   off to the shop
//   back with the groceries
//   the cake is done
//   the table is set

#include <coroutine>
#include <exception>
#include <map>

#include "loop/event_loop.h"
#include "samples/sample.h"

using sample::print;

// A function that can be suspended: it yields minutes.
struct Task {
  struct promise_type {
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    std::suspend_always yield_value(int count) {
      minutes = count;
      return {};
    }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
    int minutes = 0;
  };
  std::coroutine_handle<promise_type> frame;
};

// Resumes each task when its time has come. The loop is no more than its alarm clock here.
class Scheduler {
 public:
  explicit Scheduler(vow::LoopOptions options) : loop_(options) {}
  void add(Task task, int delay = 0) { tasks_.emplace(loop_.now() + delay * absl::Milliseconds(50), task); }
  void run() {
    while (!tasks_.empty()) {
      const auto [time, task] = *tasks_.begin();
      tasks_.erase(tasks_.begin());
      loop_.call_at(time, [this] { loop_.stop(); });
      loop_.run_forever().IgnoreError();
      task.frame.resume();
      if (!task.frame.done()) {
        add(task, task.frame.promise().minutes);
      } else {
        task.frame.destroy();
      }
    }
  }

 private:
  vow::EventLoop loop_;
  std::multimap<absl::Time, Task> tasks_;
};

Task bake(int& missing) {
  const sample::Span span("oven");
  print("cake into the oven");
  co_yield 45;
  print("the cake is done");
  --missing;
}

Task buy_groceries(int& missing) {
  const sample::Span span("groceries");
  print("off to the shop");
  co_yield 20;
  print("back with the groceries");
  --missing;
}

Task prepare_tea(Scheduler& scheduler) {
  print("make the dough");
  {
    const sample::Span span("dough");
    co_yield 15;
  }
  int missing = 2;
  scheduler.add(bake(missing));
  scheduler.add(buy_groceries(missing));
  while (missing > 0) co_yield 1;  // All that such a task can do is wait for a time, and look.
  print("the table is set");
}

int main(int argc, char** argv) {
  Scheduler scheduler(sample::options(argc, argv));
  scheduler.add(prepare_tea(scheduler));
  scheduler.run();
  return sample::exit_code(absl::OkStatus());
}
