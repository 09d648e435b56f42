#include <string>

#include "promise/promise.h"

void mistake() {
  vow::resolve(1).then([](int x) { return x; }, [](absl::Status) { return std::string("none"); });
}
