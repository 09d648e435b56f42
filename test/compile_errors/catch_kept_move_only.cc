#include <memory>

#include "promise/promise.h"

void mistake(const vow::Promise<std::unique_ptr<int>>& promise) {
  promise.catch_([](absl::Status) { return std::make_unique<int>(0); });
}
