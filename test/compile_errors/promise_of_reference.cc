#include "promise/promise.h"

vow::Promise<int&> mistake(int& x) { return x; }
