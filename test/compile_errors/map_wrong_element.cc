// f gets an element of the range.
#include <string>
#include <vector>

#include "promise/map.h"

void wrong(std::vector<std::string> names) {
  vow::map(names, [](int) { return 1; });
}
