/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every engine does: plain tracepoints, which may not take a fault.
 *
 * Inputs are read nofault at entry. What was absent is read again at exit, by
 * when the syscall itself has mostly faulted it in; what is absent even then,
 * by task work in the task's own context, where faults may be taken. An exec
 * that succeeds takes the old memory away: there the kernel's own copy serves.
 *
 * The kernel does not run a program on a CPU on which the same program is running
 * already, and there it may have been preempted: seen on 7.3, where other tasks' calls
 * are missed meanwhile. So each has a twin behind it, that runs for the first where that
 * could not: a mark in the task's state, set by one and taken by the other, tells, or
 * that what there is to do is done. If both miss an entry, the exit tells of the call; if
 * both miss an exit, the next entry does, without a result (lost_returns).
 */
#ifndef FAULTIN_CORE_BPF_H
#define FAULTIN_CORE_BPF_H

#include "state.bpf.h"
#include "count.bpf.h"
#include "probe.bpf.h"
#include "work.bpf.h"
#include "scan.bpf.h"
#include "tasks.bpf.h"
#include "exec.bpf.h"

/* What the query rules out by registers ends as it begins, and as they are still the same,
 * again at exit: no state is looked up, which costs more than all else of such a call. */
static __always_inline bool is_ruled_out(struct pt_regs *regs, s64 nr)
{
	const struct plan *plan;
	u64 args[6];

	if (!faultin_config.judges || nr < 0 || nr >= NUMBERS)
		return false;
	plan = plan_at(nr);
	if (!plan || !(plan->flags & PLAN_REGISTERS))
		return false;
	native_args(args, regs);
	return !faultin_admits(args, nr);
}

#define NR_UPROBE 336 /* of x86-64 alone */

/* Where a probed function begins with a nop of 5 bytes, the kernel puts a system call of its own
 * there in place of a breakpoint: the probe's, and none that the program makes.
 * commit "uprobes/x86: Add support to optimize uprobes" (in v6.18) */
static __always_inline bool is_probes_own(s64 nr)
{
	return faultin_config.events && nr == NR_UPROBE && !is_32bit(bpf_get_current_task_btf());
}

static __always_inline struct task_state *entering(u64 *ctx, struct task_struct **task)
{
	if (is_unwanted(ctx[1]) || is_probes_own(ctx[1]) || is_ruled_out((void *)ctx[0], ctx[1]))
		return NULL;
	*task = bpf_get_current_task_btf();
	return state_of(*task);
}

static __always_inline struct task_state *leaving(u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];

	s64 nr = syscall_number(regs);

	if (is_unwanted(nr) || is_probes_own(nr) || is_ruled_out(regs, nr))
		return NULL;
	return state_of(bpf_get_current_task_btf());
}

SEC("tp_btf/sys_enter")
int sys_enter(u64 *ctx)
{
	struct task_struct *task;
	struct task_state *state = entering(ctx, &task);

	if (!state)
		return 0;
	state->entered = faultin_config.twins;
	return enter(state, task, (void *)ctx[0], ctx[1]);
}

SEC("?tp_btf/sys_enter")
int sys_enter_twin(u64 *ctx)
{
	struct task_struct *task;
	struct task_state *state = entering(ctx, &task);

	if (!state)
		return 0;
	if (state->entered) {
		state->entered = 0;
		return 0;
	}
	return enter(state, task, (void *)ctx[0], ctx[1]);
}

SEC("tp_btf/sys_exit")
int sys_exit(u64 *ctx)
{
	struct task_state *state = leaving(ctx);

	if (!state)
		return 0;
	state->left = faultin_config.twins;
	return leave(state, (void *)ctx[0], ctx[1]);
}

SEC("?tp_btf/sys_exit")
int sys_exit_twin(u64 *ctx)
{
	struct task_state *state = leaving(ctx);

	if (!state)
		return 0;
	if (state->left) {
		state->left = 0;
		return 0;
	}
	return leave(state, (void *)ctx[0], ctx[1]);
}

#endif
