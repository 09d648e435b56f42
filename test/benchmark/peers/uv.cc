// libuv: callbacks, and handles that the caller owns. On Debian: apt-get install libuv1-dev.
//
// It has no promises, and no queue for one's own calls: what comes nearest to a call in the next turn is an idle handle that
// stops itself, each turn with a question to the kernel; between threads, a queue of one's own and a uv_async_t to wake the
// loop. Timers are exact to the millisecond.

#include <uv.h>

#include <mutex>
#include <thread>
#include <vector>

#include "test/benchmark/peers/peer.h"

namespace {

using namespace peer;

uv_loop_t* const loop = uv_default_loop();

std::int64_t left;  // Of what a row waits for.

void nothing(uv_timer_t*) {}

// Gives back handles, which the loop knows until they are closed.
template <class Handle>
void close_all(std::vector<Handle>& handles) {
  for (Handle& handle : handles) uv_close(reinterpret_cast<uv_handle_t*>(&handle), nullptr);
  uv_run(loop, UV_RUN_DEFAULT);
}

void post_chain(std::int64_t calls) {
  std::vector<uv_idle_t> handle(1);
  left = calls;
  uv_idle_init(loop, handle.data());
  uv_idle_start(handle.data(), [](uv_idle_t* idle) {
    if (--left == 0) uv_idle_stop(idle);  // Otherwise it comes again in the next turn.
  });
  uv_run(loop, UV_RUN_DEFAULT);
  expect(left == 0, "post_chain");
  close_all(handle);
}

void post_upfront(std::int64_t calls) {
  std::vector<uv_idle_t> handles(calls);
  left = calls;
  for (uv_idle_t& handle : handles) {
    uv_idle_init(loop, &handle);
    uv_idle_start(&handle, [](uv_idle_t* idle) {
      uv_idle_stop(idle);
      --left;
    });
  }
  uv_run(loop, UV_RUN_DEFAULT);
  expect(left == 0, "post_upfront");
  close_all(handles);
}

struct Call {
  void (*function)(void* argument);
  void* argument;
};

struct Mailbox {
  uv_async_t wake;
  std::mutex mutex;
  std::vector<Call> calls;

  void post(Call call) {
    {
      const std::lock_guard lock(mutex);
      calls.push_back(call);
    }
    uv_async_send(&wake);
  }

  static void run(uv_async_t* wake) {
    auto& mailbox = *static_cast<Mailbox*>(wake->data);
    static std::vector<Call> calls;
    calls.clear();
    {
      const std::lock_guard lock(mailbox.mutex);
      calls.swap(mailbox.calls);
    }
    for (const Call& call : calls) call.function(call.argument);
    if (left == 0) uv_close(reinterpret_cast<uv_handle_t*>(wake), nullptr);
  }
};

void post_cross_thread(std::int64_t calls) {
  Mailbox mailbox;
  left = calls;
  uv_async_init(loop, &mailbox.wake, Mailbox::run);
  mailbox.wake.data = &mailbox;
  std::thread other([&mailbox, calls] {
    for (std::int64_t i = 0; i < calls; ++i) {
      mailbox.post({[](void* count) { --*static_cast<std::int64_t*>(count); }, &left});
    }
  });
  uv_run(loop, UV_RUN_DEFAULT);
  other.join();
  expect(left == 0, "post_cross_thread");
}

void timers_arm_cancel(std::int64_t count) {
  static std::vector<uv_timer_t> timers;  // Made once: they can be set again.
  if (timers.empty()) {
    timers.resize(count);
    for (uv_timer_t& timer : timers) uv_timer_init(loop, &timer);
  }
  Random random;
  for (uv_timer_t& timer : timers) uv_timer_start(&timer, nothing, random.below(1'000'000) / 1000, 0);
  for (uv_timer_t& timer : timers) uv_timer_stop(&timer);
  expect(uv_loop_alive(loop) == 0, "timers_arm_cancel");
}

// The delay is in milliseconds.
template <class Delay>
void run_timers(std::int64_t count, Delay delay, const char* row) {
  std::vector<uv_timer_t> timers(count);
  left = count;
  uv_update_time(loop);
  for (uv_timer_t& timer : timers) {
    uv_timer_init(loop, &timer);
    uv_timer_start(
        &timer, [](uv_timer_t*) { --left; }, delay(), 0);
  }
  uv_run(loop, UV_RUN_DEFAULT);
  expect(left == 0, row);
  close_all(timers);
}

void timers_fire(std::int64_t count) {
  Random random;
  run_timers(
      count, [&] { return random.below(50'000'000) / 1'000'000; }, "timers_fire");
}

void sleepers(std::int64_t count) {
  run_timers(
      count, [] { return 1000; }, "sleepers");
}

}  // namespace

int main(int argc, char** argv) {
  return run_rows(argc, argv,
                  {
                      {"post_chain", kCalls, post_chain},
                      {"post_upfront", kCalls, post_upfront},
                      {"post_cross_thread", kCalls, post_cross_thread},
                      {"timers_arm_cancel", kTimers, timers_arm_cancel},
                      {"timers_fire", kFired, timers_fire},
                      {"sleepers", kSleepers, sleepers},
                  });
}
