/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the probes do when a call begins, and when it ends. */
#ifndef FAULTIN_PROBE_BPF_H
#define FAULTIN_PROBE_BPF_H

#include "call.bpf.h"

/* Hands what is still missing to whoever may take faults. Returns 0 when it will be
 * done. */
static int schedule_work(struct task_state *state);

/* Whether all that is wanted of a call is known as it begins. */
static __always_inline bool is_over(const struct task_state *state, const struct plan *plan)
{
	return plan->flags & PLAN_EARLY && !state->record.missed && !state->blurred;
}

static __always_inline int enter(struct task_state *state, struct task_struct *task, struct pt_regs *regs,
				 s64 nr)
{
	const struct plan *plan;

	state->born = 0;
	if (state->phase == PHASE_WORK)
		emit(state, RECORD_CALL);
	if (state->phase == PHASE_CALL) {
		__sync_fetch_and_add(&shared.lost_returns, 1);
		emit(state, RECORD_NORETURN);
	}
	plan = begin_call(state, task, regs, nr);
	if (!plan)
		return 0;
	begin_run(state);
	if (faultin_config.judges) {
		run_some(state, plan->inputs, plan->asked, HOW_ENTRY);
		if (!decide(state)) {
			state->phase = PHASE_REJECTED;
			return 0;
		}
	}
	if (plan->inputs)
		run_some(state, plan->inputs, faultin_config.judges ? ALL_OPS & ~plan->asked : ALL_OPS, HOW_ENTRY);
	if (plan->flags & PLAN_NORETURN) {
		emit(state, RECORD_NORETURN);
		state->phase = PHASE_IDLE;
	} else if (faultin_config.counts && is_over(state, plan)) {
		emit(state, RECORD_CALL);
		state->phase = PHASE_REJECTED;
	} else {
		note_caller(&state->record, task);
		state->phase = PHASE_CALL;
	}
	return 0;
}

/* The outputs that a call with this result has, a bit each. */
static __always_inline u32 outputs(const struct record *record, const struct plan *plan)
{
	return record->ret < 0 ? plan->on_failure : record->ret ? plan->on_positive : plan->on_zero;
}

/* Inputs that were absent, and that the call has written over by now. */
static __always_inline u32 overwritten(const struct record *record, const struct plan *plan)
{
	if (!faultin_config.retry_at_exit || record->flags & RECORD_EXECED)
		return record->missed;
	if (plan->flags & PLAN_IOCTL && (u32)record->args[1] >> 30 != 3)
		return 0;
	return record->missed & (record->ret < 0 ? plan->overwritten_on_failure : plan->overwritten);
}

/* Reads the outputs, and once more those inputs that were absent, unless the fault was
 * taken at entry; what is absent even then is left to task work. */
static __always_inline int finish(struct task_state *state, const struct plan *plan)
{
	struct record *record = &state->record;
	u32 known, again = 0;

	if (record->flags & RECORD_SETTLED) {
		known = record->missed;
	} else {
		if (record->missed && faultin_config.faults && !(record->flags & RECORD_LATE))
			__sync_fetch_and_add(&shared.fell_back_late, 1);
		known = record->gone = overwritten(record, plan);
	}
	again = outputs(record, plan) | (record->missed & ~known);
	if (again) {
		run_all(state, plan->ops, again, HOW_EXIT);
		again = record->missed;
	}
	record->missed = known | again;
	if (again && !schedule_work(state)) {
		state->again = again;
		state->phase = PHASE_WORK;
		return 0;
	}
	if (again)
		record->flags &= ~RECORD_SETTLED;
	state->phase = PHASE_IDLE;
	return emit(state, RECORD_CALL);
}

static __always_inline int leave(struct task_state *state, struct pt_regs *regs, s64 ret)
{
	struct record *record = &state->record;
	const struct plan *plan;

	if (state->born) {
		state->born = 0;
		return 0;
	}
	if (state->phase == PHASE_REJECTED) {
		state->phase = PHASE_IDLE;
		return 0;
	}
	/* No probe has seen its entry: seccomp refused it, or tracing began meanwhile. */
	if (state->phase == PHASE_ATTACHED || state->phase == PHASE_IDLE)
		begin_late(state, regs);
	if (state->phase != PHASE_CALL)
		return 0;
	/* Killed in a fault that it waited for. Its pointers may be good, and nobody sees
	 * the result: it did not return (sched_exit). */
	if (ret == -EFAULT && is_killed(bpf_get_current_task_btf())) {
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

#endif
