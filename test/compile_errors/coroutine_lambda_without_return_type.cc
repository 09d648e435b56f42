#include "promise/coroutine.h"

auto mistake = [](vow::Promise<int> x) { co_return co_await x; };
