#include "promise/promise.h"

void mistake() {
  vow::make_promise([](vow::Deferred<int> deferred) { deferred.resolve(1); });
}
