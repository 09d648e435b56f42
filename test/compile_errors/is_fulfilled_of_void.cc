// There is no value that could be 5.
#include "promise/testing.h"

void wrong(vow::Promise<> promise) { EXPECT_THAT(promise, vow::IsFulfilled(5)); }
