/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The BPF core: follows tasks, captures what their system calls pass by
 * pointer, and sends one record a call.
 *
 * Inputs are read nofault at entry. What was absent is read again at exit, by
 * when the syscall itself has mostly faulted it in; what is absent even then,
 * by task work in the task's own context, where faults may be taken. An exec
 * that succeeds takes the old memory away: there the kernel's own copy serves.
 */
#include "call.bpf.h"
#include "scan.bpf.h"
#include "tasks.bpf.h"
#include "work.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/sys_enter")
int sys_enter(u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)ctx[0];
	struct task_state *state;
	const struct plan *plan;
	u64 nr = ctx[1];

	if (is_unwanted(nr))
		return 0;
	state = state_of(task);
	if (!state)
		return 0;
	if (state->phase == PHASE_WORK)
		emit(state, RECORD_CALL);
	if (is_compat(task, nr) || nr >= NUMBERS) {
		if (state->phase != PHASE_ARMED)
			begin_foreign(state, task, regs, nr);
		return 0;
	}
	plan = begin_call(state, task, regs, nr);
	if (!plan)
		return 0;
	if (plan->inputs)
		run_all(state, plan->inputs, ALL_OPS, HOW_ENTRY);
	if (plan->flags & PLAN_NORETURN)
		emit(state, RECORD_NORETURN);
	else
		state->phase = PHASE_CALL;
	return 0;
}

SEC("tp_btf/sys_exit")
int sys_exit(u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	struct task_state *state;
	struct record *record;
	const struct plan *plan;
	u32 bits, gone, again;

	if (is_unwanted(syscall_number(regs)))
		return 0;
	state = state_of(bpf_get_current_task_btf());
	if (!state)
		return 0;
	if (state->phase == PHASE_ATTACHED)
		begin_late(state, regs);
	if (state->phase != PHASE_CALL)
		return 0;
	record = &state->record;
	record->latency = bpf_ktime_get_ns() - record->ts;
	record->ret = ctx[1];
	plan = plan_at(record->plan);
	if (!plan) {
		state->phase = PHASE_IDLE;
		emit(state, RECORD_CALL);
		return 0;
	}
	bits = record->ret < 0 ? plan->on_failure : record->ret ? plan->on_positive : plan->on_zero;
	gone = record->missed;
	if (faultin_config.retry_at_exit && !(record->flags & RECORD_EXECED))
		gone &= plan->flags & PLAN_IOCTL && (u32)record->args[1] >> 30 != 3 ? 0 :
			record->ret < 0 ? plan->overwritten_on_failure : plan->overwritten;
	bits |= record->missed & ~gone;
	if (bits)
		run_all(state, plan->ops, bits, HOW_EXIT);
	again = record->missed & ~gone;
	record->missed |= gone;
	record->gone = gone;
	if (again && !schedule_work(state)) {
		state->again = again;
		state->phase = PHASE_WORK;
		return 0;
	}
	state->phase = PHASE_IDLE;
	emit(state, RECORD_CALL);
	return 0;
}
