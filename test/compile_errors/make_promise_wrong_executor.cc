#include "promise/promise.h"

vow::Promise<int> mistake() {
  return vow::make_promise<int>([](vow::Deferred<>) {});
}
