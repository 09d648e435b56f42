#include <string>

#include "promise/promise.h"

void mistake() {
  vow::resolve(1).catch_([](absl::Status) { return vow::resolve(std::string("none")); });
}
