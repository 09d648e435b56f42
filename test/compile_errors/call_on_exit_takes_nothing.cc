#include "loop/event_loop.h"

absl::StatusOr<vow::Handle> mistake(vow::EventLoop& loop) {
  return loop.call_on_exit(1, [] {});
}
