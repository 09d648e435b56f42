#include "promise/thread.h"

auto mistake() {
  return vow::to_thread([] { return vow::resolve(1); });
}
