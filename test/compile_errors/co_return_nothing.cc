#include "promise/coroutine.h"

vow::Promise<int> mistake() { co_return; }
