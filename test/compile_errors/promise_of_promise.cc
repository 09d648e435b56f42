#include "promise/promise.h"

vow::Promise<vow::Promise<int>> mistake() { return vow::resolve(1); }
