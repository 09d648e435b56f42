// What compile_cost compiles: promise/promise.h, and three `then`s.

#include "promise/promise.h"

vow::Promise<int> page(vow::Promise<int> number) {
  return std::move(number).then([](int x) { return x + 1; }).then([](int x) { return x * 2; }).then([](int x) {
    return x - 1;
  });
}
