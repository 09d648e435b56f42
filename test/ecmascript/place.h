// A place in the source for each promise of a program: vow tells of an unhandled rejection by the place where the
// promise was made, and from that its number can be found again.

#ifndef VOW_TEST_ECMASCRIPT_PLACE_H_
#define VOW_TEST_ECMASCRIPT_PLACE_H_

#include "loop/source_location.h"

namespace vow::ecmascript {

// For numbers below kMostNumbers.
SourceLocation place_of(int number);

// -1 for any other place.
int number_of(SourceLocation place);

}  // namespace vow::ecmascript

#endif  // VOW_TEST_ECMASCRIPT_PLACE_H_
