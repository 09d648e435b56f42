#include "promise/promise.h"

bool mistake(vow::Promise<vow::Promise<int>> promise) { return promise.is_pending(); }
