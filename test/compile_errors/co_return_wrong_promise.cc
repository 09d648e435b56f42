#include <string>

#include "promise/coroutine.h"

vow::Promise<int> mistake(vow::Promise<std::string> name) { co_return name; }
