#include <string>

#include "promise/promise.h"

void mistake(const vow::Promise<int>& promise) {
  promise.then([](std::string) {});
}
