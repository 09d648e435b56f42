#include "promise/task_group.h"

int add(int a, int b) { return a + b; }

void mistake(vow::TaskGroup& group) { group.spawn(add, 1); }
