#include "promise/promise.h"

void mistake() {
  vow::Deferred<vow::Promise<int>> deferred;
  deferred.resolve(vow::resolve(1));
}
