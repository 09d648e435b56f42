#include "promise/when_all.h"

void mistake() { vow::when_all({}); }
