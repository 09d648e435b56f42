#include "loop/event_loop.h"

void mistake(vow::EventLoop& loop) { loop.queue_microtask(1); }
