// A promise of what cannot be copied is given away.
#include <memory>

#include "absl/time/time.h"
#include "promise/with_timeout.h"

void wrong(vow::Promise<std::unique_ptr<int>> promise) { vow::with_timeout(promise, absl::Seconds(1)); }
