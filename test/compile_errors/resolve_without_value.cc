#include "promise/promise.h"

void mistake(vow::Deferred<int>& deferred) { deferred.resolve(); }
