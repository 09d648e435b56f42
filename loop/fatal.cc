#include "loop/fatal.h"

#include <cstdio>
#include <cstdlib>

namespace vow {

void fatal(std::string_view mistake, SourceLocation where) {
  std::fprintf(stderr, "%s: vow: %.*s\n", to_string(where).c_str(), static_cast<int>(mistake.size()), mistake.data());
  std::fflush(stderr);
  std::abort();
}

}  // namespace vow
