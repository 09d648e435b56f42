#include "promise/create_task.h"

void mistake(vow::Promise<> running) { vow::create_task(running); }
