#include "promise/promise.h"

void mistake() { vow::resolve(1).then(2); }
