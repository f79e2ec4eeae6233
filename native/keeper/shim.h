/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in for the kernel where the capture code of bpf/ is compiled natively: its
 * helpers, its structures, and the constants of the trace. For capture.c only. */
#ifndef FAULTIN_SHIM_H
#define FAULTIN_SHIM_H

#include <time.h>

#include "../plain.h"
#include "memory.h"
#include "output.h"
#include "tasks.h"

enum { EFAULT = 14 };

#define task_struct task
#define pt_regs entered

#define faultin_config (*the_trace.config)
#define faultin_plans the_trace.plans
#define faultin_ops the_trace.ops
#define faultin_variants the_trace.variants
#define shared (the_output.page->shared)

/* Defined in capture.c, where they are known. */
static void expect_ops(struct task_state *state, u32 first, u32 count, u32 bits);
static void expect_iovec(u64 base, u64 count, u32 narrow);

/* Who makes a call is for faultin to find out (session.py), where a query asks for it. */
static __always_inline void context_of(struct context *context, struct task *task)
{
	memset(context, 0, sizeof(*context));
}

/* The task whose stop is being looked at. */
extern _Thread_local struct task *current_task;

static __always_inline u32 masked(u32 value, const u32 limit)
{
	return value;
}

static __always_inline struct task *bpf_get_current_task_btf(void)
{
	return current_task;
}

static __always_inline u64 bpf_ktime_get_ns(void)
{
	return now();
}

static __always_inline long bpf_probe_read_user(void *dst, u32 size, const void *src)
{
	return memory_read(dst, size, (u64)src);
}

static __always_inline long bpf_probe_read_user_str(void *dst, u32 size, const void *src)
{
	return memory_string(dst, size, (u64)src);
}

#define X32_SYSCALL_BIT 0x40000000

static __always_inline bool is_32bit(struct task *task)
{
	return task->narrow;
}

static __always_inline bool is_x32(s64 nr)
{
	return nr >= X32_SYSCALL_BIT;
}

static __always_inline void syscall_args(u64 *args, struct task *task, struct entered *entered)
{
	memcpy(args, entered->args, sizeof(entered->args));
}

static __always_inline s64 syscall_number(struct entered *entered)
{
	return entered->nr;
}

/* Not known; where a stack ends is learned (learn_stack_end). */
static __always_inline u64 env_end_of(struct task *task)
{
	return 0;
}

static __always_inline void registers_of(struct registers *found, struct entered *entered)
{
	*found = entered->registers;
}

/* Who is killed is not seen at an exit stop any more. */
static __always_inline bool is_killed(struct task *task)
{
	return false;
}

#endif
