#include "promise/coroutine.h"

vow::Promise<int> answer();
vow::Promise<int> mistake() {
  int x = co_await answer;
  co_return x;
}
