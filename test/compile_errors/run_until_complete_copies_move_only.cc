#include <memory>

#include "promise/run.h"

void mistake(vow::EventLoop& loop, const vow::Promise<std::unique_ptr<int>>& promise) {
  vow::run_until_complete(loop, promise).IgnoreError();
}
