#include "loop/source_location.h"

namespace vow {

std::string to_string(SourceLocation where) {
  return std::string(where.file_name()) + ":" + std::to_string(where.line());
}

}  // namespace vow
