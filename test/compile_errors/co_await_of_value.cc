#include "promise/coroutine.h"

vow::Promise<> mistake() { co_await 5; }
