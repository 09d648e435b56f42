#include "promise/create_task.h"

void mistake(int (*add)(int, int)) { vow::create_task(add, 1); }
