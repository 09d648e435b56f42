#include "loop/event_loop.h"

void mistake(vow::EventLoop& loop) { loop.call_soon(1); }
