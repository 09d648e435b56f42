#include "absl/time/time.h"
#include "loop/event_loop.h"

void mistake(vow::EventLoop& loop) {
  loop.call_later(absl::Seconds(1), [](int) {});
}
