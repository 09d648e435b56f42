#include "promise/promise.h"

void mistake() {
  vow::resolve().catch_([](absl::Status) { return 1; });
}
