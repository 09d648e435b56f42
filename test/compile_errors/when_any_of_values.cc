// Values are no promises.
#include <vector>

#include "promise/when_any.h"

void wrong() { vow::when_any(std::vector<int>{1, 2}); }
