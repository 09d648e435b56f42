#include "absl/status/status.h"
#include "promise/coroutine.h"

vow::Promise<> mistake() { co_return absl::NotFoundError("x"); }
