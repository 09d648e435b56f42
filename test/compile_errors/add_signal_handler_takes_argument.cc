#include "loop/event_loop.h"

absl::Status mistake(vow::EventLoop& loop) {
  return loop.add_signal_handler(2, [](int) {});
}
