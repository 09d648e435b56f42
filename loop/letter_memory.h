// Memory for letters, which one thread makes and another frees.
//
// A thread writes its letters one behind the other on a sheet of 4 KiB. The sheet knows how many of them have not been
// freed; when it is full, it goes with the last one.
//
//   sheet ─▶ [count | letter | letter | letter | letter |        ]
//                      ▲                                 ▲ where the next one goes
//                      └ behind a pointer to the sheet
//
// So making a letter takes no atomic instruction, and freeing one takes a decrement that nobody contends for. A thread
// keeps the sheet that it writes on until it ends, and the process up to 4 MiB of empty ones for all threads. A letter
// that nobody frees keeps the whole of its sheet; letters that would fill too much of one come from operator new.
//
// Under AddressSanitizer each letter is an allocation of its own, as each block of the block pool is.

#ifndef VOW_LOOP_LETTER_MEMORY_H_
#define VOW_LOOP_LETTER_MEMORY_H_

#include <cstddef>

namespace vow::loop_internal {

// Aligned as operator new does it. A failed allocation is operator new's failure.
void* allocate_letter(std::size_t bytes);

// On any thread.
void free_letter(void* letter) noexcept;

}  // namespace vow::loop_internal

#endif  // VOW_LOOP_LETTER_MEMORY_H_
