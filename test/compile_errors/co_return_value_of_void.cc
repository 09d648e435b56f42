#include "promise/coroutine.h"

vow::Promise<> mistake() { co_return 5; }
