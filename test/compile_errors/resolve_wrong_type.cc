#include <string>

#include "promise/promise.h"

void mistake(vow::Deferred<int>& deferred) { deferred.resolve(std::string("1")); }
