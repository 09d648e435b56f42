#include <memory>

#include "promise/promise.h"

void mistake(const vow::Promise<std::unique_ptr<int>>& promise) { promise.settled(); }
