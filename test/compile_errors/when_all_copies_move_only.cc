#include <memory>
#include <vector>

#include "promise/when_all.h"

void mistake(const std::vector<vow::Promise<std::unique_ptr<int>>>& promises) { vow::when_all(promises); }
