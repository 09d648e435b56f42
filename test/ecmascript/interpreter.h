// Runs programs of promises on vow.

#ifndef VOW_TEST_ECMASCRIPT_INTERPRETER_H_
#define VOW_TEST_ECMASCRIPT_INTERPRETER_H_

#include "test/ecmascript/program.h"

namespace vow::ecmascript {

// What makes no difference in JavaScript, and so must make none here.
struct Way {
  // Whether a promise's handle and Deferred are dropped, or given away, at their last use in the program; the Record
  // then has no ends. (Not those of the inputs of combinators: vow withdraws from what nobody holds.)
  bool drops_handles = false;
  // Whether ticks are counted, and logged. Otherwise the queue of microtasks runs empty more often.
  bool counts_ticks = true;
};

// On a loop of its own, so the thread must have none.
Record run_on_vow(const Program& program, Way way);

}  // namespace vow::ecmascript

#endif  // VOW_TEST_ECMASCRIPT_INTERPRETER_H_
