#include <string>

#include "promise/promise.h"

void mistake() {
  vow::resolve(1).then([](std::string) { return 1; }, [](absl::Status) { return 0; });
}
