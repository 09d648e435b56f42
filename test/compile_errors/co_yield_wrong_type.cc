#include "promise/generator.h"

struct Unrelated {};

vow::AsyncGenerator<int> generator() { co_yield Unrelated(); }
