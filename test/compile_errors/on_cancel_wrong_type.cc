// A hook gets the reason, an absl::Status, or nothing.
#include "promise/promise.h"

void wrong(vow::Deferred<int>& deferred) {
  deferred.on_cancel([](int) {});
}
