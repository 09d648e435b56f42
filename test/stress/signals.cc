// Signals in a storm: signals [MILLIONS [SECONDS]]. A million from another process, the handlers removed and set again
// meanwhile; queued real-time ones; and timers that hit every place of a busy loop, for so many seconds. RELIABILITY 21, 22.

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>

#include "absl/status/status.h"
#include "loop/event_loop.h"
#include "test/stress/check.h"

namespace vow::stress {
namespace {

void from_another_process(long count) {
  EventLoop loop;
  const int kinds[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGALRM};
  for (const int signo : kinds) signal(signo, SIG_IGN);  // What they are set to while they are not handled.
  long handled = 0, last = 0;
  bool is_set = false;
  const auto set = [&] {
    for (const int signo : kinds) {
      VOW_STRESS_CHECK(loop.add_signal_handler(signo,
                                               [&] {
                                                 VOW_STRESS_CHECK(is_set);
                                                 ++handled;
                                               })
                           .ok());
    }
    is_set = true;
  };
  VOW_STRESS_CHECK(loop.add_signal_handler(SIGTERM, [&] { ++last; }).ok());
  set();
  const pid_t target = getpid();
  const pid_t child = fork();
  if (child == 0) {
    std::minstd_rand random(1);
    for (long i = 0; i < count; ++i) kill(target, kinds[random() % 4]);
    kill(target, SIGTERM);
    _exit(0);
  }
  const double start = seconds();
  long turns = 0;
  while (last == 0) {
    ++turns;
    loop.call_later(absl::Microseconds(50), [&] { loop.stop(); });
    VOW_STRESS_CHECK(loop.run_forever().ok());
    if (turns % 10 != 0) continue;
    for (const int signo : kinds) VOW_STRESS_CHECK(loop.remove_signal_handler(signo));
    is_set = false;
    VOW_STRESS_CHECK(loop.poll().ok());
    set();
  }
  std::printf("%ld signals sent, %ld handled, the last one seen, %.1f s\n", count, handled, seconds() - start);
  waitpid(child, nullptr, 0);
  loop.close();
  for (const int signo : kinds) VOW_STRESS_CHECK(signal(signo, SIG_DFL) == SIG_IGN);
}

void queued(long count) {
  EventLoop loop;
  const int signo = SIGRTMIN + 1;
  long handled = 0, sent = 0, full = 0;
  VOW_STRESS_CHECK(loop.add_signal_handler(signo, [&] { ++handled; }).ok());
  while (sent < count) {
    if (sigqueue(getpid(), signo, {}) == 0) {
      ++sent;
    } else {
      VOW_STRESS_CHECK(errno == EAGAIN);
      ++full;
      VOW_STRESS_CHECK(loop.poll().ok());
    }
  }
  for (long i = 0; i <= sent / 64; ++i) VOW_STRESS_CHECK(loop.poll().ok());
  VOW_STRESS_CHECK(handled == sent);
  std::printf("%ld real-time signals queued, all handled; the queue was full %ld times\n", sent, full);
}

void at_every_place(double for_seconds) {
  EventLoop loop;
  long handled = 0, work = 0;
  timer_t timer;
  sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGALRM;
  VOW_STRESS_CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  std::minstd_rand random(1);
  // One signal at a time: a timer that is faster than the machine handles signals would leave it no time for anything else.
  const auto arm = [&] {
    const itimerspec soon = {.it_interval = {},
                             .it_value = {.tv_sec = 0, .tv_nsec = 1000 + static_cast<long>(random() % 49'000)}};
    timer_settime(timer, 0, &soon, nullptr);
  };
  VOW_STRESS_CHECK(loop.add_signal_handler(SIGALRM,
                                           [&] {
                                             ++handled;
                                             arm();
                                           })
                       .ok());
  const double end = seconds() + for_seconds;
  std::function<void()> step = [&] {
    ++work;
    arm();
    loop.call_soon([] {});
    loop.queue_microtask([] {});
    loop.post([] {});
    errno = 77;
    volatile int spin = 0;
    while (spin < 200) spin = spin + 1;
    VOW_STRESS_CHECK(errno == 77);
    if (seconds() < end) {
      work % 2 == 0 ? loop.call_later(absl::Microseconds(20), step) : loop.call_soon(step);
    } else {
      loop.stop();
    }
  };
  step();
  VOW_STRESS_CHECK(loop.run_forever().ok());
  timer_delete(timer);
  std::printf("%.0f s of signals at random places: %ld handled, %ld steps, errno kept\n", for_seconds, handled, work);
}

}  // namespace
}  // namespace vow::stress

int main(int argc, char** argv) {
  const double millions = argc > 1 ? std::atof(argv[1]) : 1;
  vow::stress::from_another_process(static_cast<long>(millions * 1e6));
  vow::stress::queued(static_cast<long>(millions * 1e5));
  vow::stress::at_every_place(argc > 2 ? std::atof(argv[2]) : 60);
}
