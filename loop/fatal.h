// The end of a program that made a mistake.
//
// Errors that a program can meet are an absl::Status. A mistake in the program itself (using a loop from a thread that
// is not its own, say) is not: it ends the program with one line that names the mistake and the place, in release
// builds too.

#ifndef VOW_LOOP_FATAL_H_
#define VOW_LOOP_FATAL_H_

#include <string_view>

#include "loop/source_location.h"

namespace vow {

// Writes "FILE:LINE: vow: MISTAKE" to stderr and aborts.
[[noreturn]] void fatal(std::string_view mistake, SourceLocation where);

}  // namespace vow

#endif  // VOW_LOOP_FATAL_H_
