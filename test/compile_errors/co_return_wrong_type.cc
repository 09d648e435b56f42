#include "promise/coroutine.h"

struct Unrelated {};

vow::Promise<int> mistake() { co_return Unrelated(); }
