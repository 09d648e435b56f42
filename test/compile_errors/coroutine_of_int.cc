#include "promise/coroutine.h"

int mistake(vow::Promise<int> x) { return co_await x; }
