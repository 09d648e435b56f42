#include <memory>

#include "absl/status/statusor.h"
#include "promise/coroutine.h"

using Outcome = absl::StatusOr<std::unique_ptr<int>>;

vow::Promise<> mistake(vow::Promise<Outcome> kept) { co_await kept; }
