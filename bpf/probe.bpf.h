/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the probes of every engine do when a call begins, and when it ends. */
#ifndef FAULTIN_PROBE_BPF_H
#define FAULTIN_PROBE_BPF_H

#include "call.bpf.h"
#if !FAULTS
#include "work.bpf.h"
#endif

/* A fault that was waited for fails when its task is killed: that says nothing of the
 * memory. */
static __always_inline void note_killed(struct task_state *state, struct task_struct *task)
{
	if (state->record.missed && is_killed(task))
		state->record.gone |= state->record.missed;
}

static __always_inline int enter(struct task_struct *task, struct pt_regs *regs, s64 nr)
{
	struct task_state *state;
	const struct plan *plan;

	state = state_of(task);
	if (!state)
		return 0;
	if (!FAULTS && state->phase == PHASE_WORK)
		emit(state, RECORD_CALL);
	plan = begin_call(state, task, regs, nr);
	if (!plan)
		return 0;
	if (FAULTS) {
		state->record.flags |= RECORD_SETTLED;
		state->phase = PHASE_READ;
	}
	if (plan->inputs)
		run_all(state, plan->inputs, ALL_OPS, HOW_ENTRY);
	if (FAULTS)
		note_killed(state, task);
	if (plan->flags & PLAN_NORETURN) {
		emit(state, RECORD_NORETURN);
		state->phase = PHASE_IDLE;
	} else {
		state->phase = PHASE_CALL;
	}
	return 0;
}

/* Reads the outputs that a call with this result has. */
static __always_inline u32 outputs(const struct record *record, const struct plan *plan)
{
	return record->ret < 0 ? plan->on_failure : record->ret ? plan->on_positive : plan->on_zero;
}

#if FAULTS
/* Inputs were read with their faults taken: what is missing of them, is not there. */
static __always_inline int finish(struct task_state *state, const struct plan *plan)
{
	u32 missed = state->record.missed, bits = outputs(&state->record, plan);

	if (bits) {
		state->phase = PHASE_READ;
		run_all(state, plan->ops, bits, HOW_EXIT);
		note_killed(state, bpf_get_current_task_btf());
		state->record.missed |= missed;
	}
	state->phase = PHASE_IDLE;
	return emit(state, RECORD_CALL);
}
#else
/* Reads again those inputs that were absent and that the call has not written over;
 * what is absent even then is left to task work. */
static __always_inline int finish(struct task_state *state, const struct plan *plan)
{
	struct record *record = &state->record;
	u32 bits = outputs(record, plan), gone = record->missed, again;

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
	return emit(state, RECORD_CALL);
}
#endif

static __always_inline int leave(struct task_struct *task, struct pt_regs *regs, s64 ret)
{
	struct task_state *state;
	struct record *record;
	const struct plan *plan;

	state = state_of(task);
	if (!state)
		return 0;
	if (state->phase == PHASE_ATTACHED)
		begin_late(state, regs);
	if (state->phase != PHASE_CALL)
		return 0;
	record = &state->record;
	/* Killed in a fault that it waited for. Its pointers may be good, and nobody sees
	 * the result: it did not return (sched_exit). */
	if (ret == -EFAULT && is_killed(task)) {
		record->gone |= record->missed;
		return 0;
	}
	record->latency = bpf_ktime_get_ns() - record->ts;
	record->ret = ret;
	plan = plan_at(record->plan);
	if (plan)
		return finish(state, plan);
	state->phase = PHASE_IDLE;
	return emit(state, RECORD_CALL);
}

/* A call of which nothing was seen before it returned: its registers and result. */
static __always_inline int pass_by(struct task_state *state, struct task_struct *task,
				   struct pt_regs *regs, s64 nr, s64 ret)
{
	const struct plan *plan;

	if (state->phase == PHASE_ARMED)
		return 0;
	plan = begin_call(state, task, regs, nr);
	if (!plan && state->phase != PHASE_CALL)
		return 0;
	state->record.ret = ret;
	if (plan)
		state->record.missed = outputs(&state->record, plan) | ((1 << plan->inputs) - 1);
	state->record.flags |= RECORD_LATE;
	state->phase = PHASE_IDLE;
	return emit(state, RECORD_CALL);
}

#endif
