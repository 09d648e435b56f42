#include "promise/promise.h"

void mistake() {
  vow::resolve().then([](int) {});
}
