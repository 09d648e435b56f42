// Where in the source a call stands, which the caller's compiler fills in:
//
//   void attach(Thing thing, SourceLocation where = SourceLocation::current());
//
// std::source_location, and a stand-in for compilers that do not have it yet (clang 14).

#ifndef VOW_LOOP_SOURCE_LOCATION_H_
#define VOW_LOOP_SOURCE_LOCATION_H_

#include <cstdint>
#include <source_location>
#include <string>

#include "loop/cpp20.h"

namespace vow {

#ifdef __cpp_lib_source_location
using SourceLocation = std::source_location;
#else
class SourceLocation {
 public:
  static constexpr SourceLocation current(const char* file = __builtin_FILE(),
                                          std::uint_least32_t line = __builtin_LINE()) {
    SourceLocation here;
    here.file_ = file;
    here.line_ = line;
    return here;
  }
  constexpr const char* file_name() const { return file_; }
  constexpr std::uint_least32_t line() const { return line_; }

 private:
  const char* file_ = "";
  std::uint_least32_t line_ = 0;
};
#endif

// "FILE:LINE", as compilers write it.
std::string to_string(SourceLocation where);

}  // namespace vow

#endif  // VOW_LOOP_SOURCE_LOCATION_H_
