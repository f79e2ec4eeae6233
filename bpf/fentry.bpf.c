/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Engine `fentry`: sleepable probes on the functions of the traced system calls.
 *
 * What a call passes is read with its faults taken as its function begins, what it
 * gives back as it ends. A call that never reaches its function (seccomp refused it,
 * no kernel has the number) is told by the tracepoint at its exit, from registers.
 */
#define FAULTS 1
#include "probe.bpf.h"
#include "scan.bpf.h"
#include "tasks.bpf.h"

static __noinline int entered(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = bpf_task_pt_regs(task);
	struct task_state *state = state_of(task);

	if (!state || !regs)
		return 0;
	state->inside = 1;
	return enter(task, regs, syscall_number(regs));
}

static __noinline int left(u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = bpf_task_pt_regs(task);
	u64 ret = 0;

	bpf_get_func_ret(ctx, &ret);
	return regs ? leave(task, regs, ret) : 0;
}

/* One program for all functions, where the kernel can attach it so; the section is
 * ours, as libbpf does not know the type.
 * commit "bpf: Add support for tracing multi link" (in v7.2) */
SEC("?faultin_enter")
int enter_multi(u64 *ctx)
{
	entered();
	return 0;
}

SEC("?faultin_leave")
int leave_multi(u64 *ctx)
{
	left(ctx);
	return 0;
}

/* Elsewhere a program serves one function: slots, which the loader points at them. */
#define SLOT(n)                                  \
	SEC("?fentry.s") int enter_##n(u64 *ctx) \
	{                                        \
		entered();                       \
		return 0;                        \
	}                                        \
	SEC("?fexit.s") int leave_##n(u64 *ctx)  \
	{                                        \
		left(ctx);                       \
		return 0;                        \
	}
#define SLOTS8(n)                                                                               \
	SLOT(n##0) SLOT(n##1) SLOT(n##2) SLOT(n##3) SLOT(n##4) SLOT(n##5) SLOT(n##6) SLOT(n##7)
#define SLOTS64(n)                                                                      \
	SLOTS8(n##0) SLOTS8(n##1) SLOTS8(n##2) SLOTS8(n##3) SLOTS8(n##4) SLOTS8(n##5)   \
	SLOTS8(n##6) SLOTS8(n##7)
/* FUNCTIONS_MAX of them, numbered in octal: enter_000 to enter_177 */
SLOTS64(0)
SLOTS64(1)

/* The command begins with its first exec, whether that is traced or not. */
SEC("tp_btf/sched_process_exec")
int sched_exec(u64 *ctx)
{
	struct task_state *state = state_of((void *)ctx[0]);

	if (state && state->phase == PHASE_ARMED) {
		state->phase = PHASE_IDLE;
		state->inside = 1;
	}
	return 0;
}

/* Calls that never reached their function, and the one that was running when tracing
 * began. This program may not sleep: what they were given is left to the consumer. */
SEC("tp_btf/sys_exit")
int sys_exit(u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)ctx[0];
	s64 nr = syscall_number(regs);
	struct task_state *state;

	if (is_unwanted(nr))
		return 0;
	state = state_of(task);
	if (!state)
		return 0;
	if (state->inside) {
		state->inside = 0;
		return 0;
	}
	return pass_by(state, task, regs, nr, ctx[1]);
}
