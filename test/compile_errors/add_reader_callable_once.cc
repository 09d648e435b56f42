#include "loop/event_loop.h"

struct Once {
  void operator()() &&;
};

absl::Status mistake(vow::EventLoop& loop) { return loop.add_reader(0, Once()); }
