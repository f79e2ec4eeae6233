/* SPDX-License-Identifier: Apache-2.0 */
/* The traced tasks, by their ids. */
#ifndef FAULTIN_TASKS_H
#define FAULTIN_TASKS_H

#include <stdbool.h>

#include "memory.h"
#include "shared.h"

struct task_state; /* bpf/task.bpf.h, of which only capture.c knows */

/* A call as it enters the kernel. */
struct entered {
	s64 nr;
	u64 args[6];
	struct registers registers; /* where stacks are wanted */
};

/* What the tracer itself wants to know of a call, traced or not (watch.c). */
enum watched {
	WATCH_NOTHING,
	WATCH_NAME,   /* prctl(PR_SET_NAME) */
	WATCH_PTRACE,
	WATCH_UNTRACED_ARG,    /* CLONE_UNTRACED was taken out of a register */
	WATCH_UNTRACED_MEMORY, /* ... out of a clone_args */
};

struct task {
	s32 pid;  /* its own id, as the kernel has it */
	s32 tgid; /* its process */
	char comm[16];
	bool narrow; /* its call came by the i386 way */
	u64 comm_at; /* when its name was last looked at */
	struct space *space;
	struct task_state *state;
	struct job *job; /* of a reader; its stop lasts until then */
	enum watched watched;
	u64 untraced;  /* where CLONE_UNTRACED was */
	bool attached; /* was found running, and has not stopped yet */
	s64 inside; /* number of the call that it is in, as far as its stops tell, or -1 */
	struct guarded *guarded; /* of native/guard, which frees it */
	struct task *next;
};

extern u32 task_count;

struct task *task_find(s32 pid);
/* A new one; NULL without memory. */
struct task *task_add(s32 pid, s32 tgid);
/* Its id has become another, as execve does to a thread. */
void task_rename(struct task *task, s32 pid);
void task_remove(struct task *task);
/* Calls `visit` for each. */
void task_each(void (*visit)(struct task *task, u64 value), u64 value);
/* The process of a thread that nobody has told of. */
s32 task_group(s32 pid);
/* Looks the name up again, if it was not looked at for a while, or `anyway`. */
void task_name(struct task *task, bool anyway);

#endif
