#include "promise/promise.h"

void mistake() {
  vow::resolve(1).catch_([](absl::Status) {});
}
