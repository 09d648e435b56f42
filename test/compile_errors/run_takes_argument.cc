#include "promise/run.h"

void mistake() {
  vow::run([](int x) { return x; }).IgnoreError();
}
