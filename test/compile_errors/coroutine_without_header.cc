#include "promise/promise.h"

vow::Promise<int> mistake(vow::Promise<int> x) { co_return co_await x; }
