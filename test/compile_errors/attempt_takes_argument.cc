#include "promise/promise.h"

void mistake() {
  vow::attempt([](int x) { return x; });
}
