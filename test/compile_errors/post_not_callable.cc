#include "loop/event_loop.h"

void mistake(vow::EventLoop& loop) { loop.post(1); }
