#include <memory>

#include "promise/promise.h"

vow::Promise<std::unique_ptr<int>> mistake(const vow::Promise<std::unique_ptr<int>>& promise) { return promise; }
