// The promises of a vector that is kept would have to be copied.
#include <memory>
#include <vector>

#include "promise/race.h"

void wrong(std::vector<vow::Promise<std::unique_ptr<int>>> promises) { vow::race(promises); }
