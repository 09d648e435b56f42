#include <memory>

#include "promise/coroutine.h"

vow::Promise<> mistake(vow::Promise<std::unique_ptr<int>> kept) { std::unique_ptr<int> value = co_await kept; }
