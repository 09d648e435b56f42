#include <vector>

#include "promise/when_all.h"

void mistake() { vow::when_all(std::vector<int>{1, 2}); }
