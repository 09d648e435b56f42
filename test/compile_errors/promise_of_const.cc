#include "promise/promise.h"

vow::Promise<const int> mistake() { return 1; }
