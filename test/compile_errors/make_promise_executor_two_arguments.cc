#include "absl/status/status.h"
#include "promise/promise.h"

vow::Promise<int> mistake() {
  return vow::make_promise<int>([](auto resolve, auto) { resolve(1); });
}
