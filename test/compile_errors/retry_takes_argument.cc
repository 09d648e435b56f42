// f is called without arguments.
#include "promise/retry.h"

void wrong() {
  vow::retry({}, [](int attempt) { return attempt; });
}
