#include "promise/create_task.h"

void mistake() { vow::create_task(5); }
