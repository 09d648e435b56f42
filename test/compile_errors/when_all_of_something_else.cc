#include "promise/when_all.h"

void mistake(vow::Promise<int> promise) { vow::when_all(promise, 5); }
