/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a call begins: its plan, and a record of all that is known before its
 * memory is read. */
#ifndef FAULTIN_CALL_BPF_H
#define FAULTIN_CALL_BPF_H

#include "capture.bpf.h"

/* The plan of a call: its syscall's, or the variant that an argument selects. */
struct search {
	u32 value;
	u32 low;
	u32 high;
	u32 plan;
};

static long bisect(u64 i, struct search *search)
{
	u32 middle = (search->low + search->high) / 2;
	const struct variant *variant;

	if (search->low >= search->high)
		return 1;
	bounded(middle);
	if (middle >= faultin_config.variants)
		return 1;
	variant = &faultin_variants[middle];
	if (variant->value == search->value) {
		search->plan = variant->plan;
		return 1;
	}
	if (variant->value < search->value)
		search->low = middle + 1;
	else
		search->high = middle;
	return 0;
}

static __noinline u32 choose_plan(struct task_state *state __attribute__((nonnull)), u32 nr)
{
	const struct plan *plan = plan_at(nr);
	struct search search;
	u32 selector;

	if (!plan || !plan->variants)
		return nr;
	selector = plan->selector;
	if (selector >= 6)
		return nr;
	search.value = state->record.args[selector] & plan->selector_mask;
	search.low = plan->first_variant;
	search.high = plan->first_variant + plan->variants;
	search.plan = nr;
	bpf_loop(VARIANTS_LOG2, bisect, &search, 0);
	return search.plan;
}

static __always_inline void begin_record(struct task_state *state, struct task_struct *task,
					 struct pt_regs *regs, u64 nr)
{
	struct record *record = &state->record;

	state->used = 0;
	record->flags = 0;
	record->missed = 0;
	record->gone = 0;
	record->nr = nr;
	record->pid = task->tgid;
	record->tid = task->pid;
	record->ts = bpf_ktime_get_ns();
	record->latency = 0;
	record->ret = 0;
	record->seq++;
	syscall_args(record->args, regs);
	__builtin_memcpy(record->comm, task->comm, sizeof(record->comm));
}

/* Most calls of a narrow trace, and of untraced tasks, end here. rt_sigreturn has
 * no number at exit: what is no number is not known to be unwanted. */
static __always_inline bool is_unwanted(s64 nr)
{
	const struct plan *plan;

	if (faultin_config.foreign || nr < 0 || nr >= NUMBERS)
		return false;
	plan = plan_at(nr);
	return plan && !plan->flags;
}

/* A call whose number means nothing in the table: it is recorded, not interpreted. */
static __always_inline void begin_foreign(struct task_state *state, struct task_struct *task,
					  struct pt_regs *regs, u64 nr)
{
	state->phase = PHASE_IDLE;
	if (!faultin_config.foreign)
		return;
	begin_record(state, task, regs, nr);
	state->record.plan = PLAN_NONE;
	if (is_compat(task, nr)) {
		state->record.flags = RECORD_COMPAT;
		compat_args(state->record.args, task, regs);
	}
	state->phase = PHASE_CALL;
}

/* The call's plan, and in state all that is known before its memory is read.
 * NULL if nobody wants it. */
static __always_inline const struct plan *begin_call(struct task_state *state, struct task_struct *task,
						     struct pt_regs *regs, u32 nr)
{
	const struct plan *plan = plan_at(nr);

	if (!plan || (state->phase == PHASE_ARMED && !(plan->flags & PLAN_EXEC)))
		return NULL;
	state->phase = PHASE_IDLE;
	if (!(plan->flags & PLAN_TRACED))
		return NULL;
	begin_record(state, task, regs, nr);
	if (plan->variants) {
		nr = choose_plan(state, nr);
		plan = plan_at(nr);
	}
	state->record.plan = nr;
	return plan;
}

/* Tracing began while this call was running: what it was given is still in its
 * registers, and mostly in memory. */
static __noinline int begin_late(struct task_state *state __attribute__((nonnull)), struct pt_regs *regs)
{
	struct task_struct *task = bpf_get_current_task_btf();
	s64 nr = syscall_number(regs);
	const struct plan *plan;

	if (nr < 0 || nr >= NUMBERS || is_compat(task, nr)) {
		state->phase = PHASE_IDLE;
		return 0;
	}
	plan = begin_call(state, task, regs, nr);
	if (!plan)
		return 0;
	state->record.flags = RECORD_LATE;
	run_all(state, plan->inputs, ALL_OPS, HOW_EXIT);
	state->phase = PHASE_CALL;
	return 0;
}

#endif
