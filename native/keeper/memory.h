/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a stopped task. What is present is read with process_vm_readv, a page at
 * a time and each page once; what is absent is not touched, as a page may stall whoever
 * takes its fault, and the tracer has other tasks to serve (readers.h takes faults).
 */
#ifndef FAULTIN_MEMORY_H
#define FAULTIN_MEMORY_H

#include <stdbool.h>

#include "presence.h"

/* From here on, reads are of this task, until the next begin(). */
void memory_begin(struct space *space, s32 pid);
/* The same of a task whose process nobody keeps count of. */
void memory_begin_unknown(s32 pid);
/* The same with faults taken: for threads that may be held up. */
void memory_begin_faulting(s32 pid);
/* Whether a read since then failed for want of permission. */
bool memory_denied(void);
/* `size` bytes (at most PIECE_MAX) at `addr`: 0, or -EFAULT. */
long memory_read(void *dst, u32 size, u64 addr);
/* A string with its NUL, cut to `room`: its size, or -EFAULT. */
long memory_string(void *dst, u32 room, u64 addr);
/* Several ranges at once are what the next reads will ask for. */
struct range {
	u64 addr;
	u64 size;
};
void memory_expect(const struct range *ranges, u32 count);

/* Takes the fault of `size` bytes (0: a string) at `addr`. Whether they are there. */
bool memory_fault_in(s32 pid, u64 addr, u32 size);

#endif
