/* SPDX-License-Identifier: Apache-2.0 */
/* A guarded call, from its seccomp stop to its exit stop. */
#ifndef FAULTIN_CALLS_H
#define FAULTIN_CALLS_H

#include "../keeper/readers.h"
#include "guarded.h"

enum after {
	AFTER_WAIT, /* the task stays in its stop: somebody will say how it goes on */
	AFTER_RUN,  /* let it go on, and see it return */
	AFTER_GO,   /* let it go on */
};

/* guarded->made is about to be made. */
enum after call_comes(struct task *task);
/* A page that its inputs are in was touched, or cannot be. */
enum after call_touched(struct task *task, struct job *job);
/* Faultin has said by which step it is decided, if this is the call that it was asked of. */
enum after call_told(struct task *task, u32 seq, u32 step);
/* Its inputs have not been read in all the time that there is. */
enum after call_late(struct task *task, u64 time);
/* It has returned. */
void call_returns(struct task *task, s64 ret);
/* An execve has: the program is another. */
void call_execed(struct task *task);
/* It never will: its task has ended. */
void call_never_returns(struct task *task);

#endif
