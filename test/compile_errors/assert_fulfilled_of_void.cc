// There is no value to be had.
#include "promise/testing.h"

void wrong(vow::Promise<> promise) { VOW_ASSERT_FULFILLED(int x, promise); }
