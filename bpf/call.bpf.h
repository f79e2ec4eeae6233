/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a call begins: its plan, and a record of all that is known before its
 * memory is read. */
#ifndef FAULTIN_CALL_BPF_H
#define FAULTIN_CALL_BPF_H

#include "nofault.bpf.h"
#ifdef __bpf__
#include "exe.bpf.h"
#else
/* faultin reads it from /proc. */
static __always_inline void add_exe(struct task_state *state, struct task_struct *task)
{
}
#endif

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

/* The first piece of the record. */
static __always_inline void add_context(struct task_state *state, struct task_struct *task)
{
	struct piece *piece = (struct piece *)state->heap;

	label(piece, 0, KEY(CONTEXT_OP, ROLE_CONTEXT, HOW_ENTRY), sizeof(struct context), sizeof(struct context));
	context_of((struct context *)piece->data, task);
	state->used = sizeof(*piece) + sizeof(struct context);
}

/* Behind it: where the call comes from. */
static __always_inline void add_registers(struct task_state *state, struct task_struct *task,
					  struct pt_regs *regs)
{
	struct piece *piece = new_piece(state);
	struct registers *found;
	u64 top;

	if (!piece)
		return;
	label(piece, 0, KEY(CONTEXT_OP, ROLE_REGISTERS, HOW_ENTRY), sizeof(*found), sizeof(*found));
	found = (struct registers *)piece->data;
	registers_of(found, regs);
	state->sp = found->sp;
	state->used += sizeof(*piece) + sizeof(*found);
	if (!state->stack_trust)
		state->stack_end = 0;
	else
		state->stack_trust--;
	/* The first thread's stack ends with the page of its environment. */
	top = (env_end_of(task) + PAGE - 1) & ~(u64)(PAGE - 1);
	if (top > state->sp && top - state->sp < STACK_MAX)
		state->stack_end = top;
}

static __always_inline void begin_record(struct task_state *state, struct task_struct *task,
					 struct pt_regs *regs, s64 nr)
{
	struct record *record = &state->record;

	state->used = 0;
	state->known = 0;
	state->blurred = 0;
	state->wanted = 0;
	if (faultin_config.triggers)
		state->ordinary = 0;
	record->flags = is_32bit(task) || is_x32(nr) ? RECORD_COMPAT : 0;
	record->missed = 0;
	record->gone = 0;
	record->nr = nr;
	record->ts = 0;
	record->latency = 0;
	record->ret = 0;
	record->seq++;
	syscall_args(record->args, task, regs);
	if (faultin_config.who)
		note_caller(record, task);
	if (faultin_config.context)
		add_context(state, task);
	if (faultin_config.stack_bytes)
		add_registers(state, task, regs);
	if (faultin_config.context & CONTEXT_EXE)
		add_exe(state, task);
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

/* The index of the plan for a number, which each way into the kernel counts in its own
 * way: PLAN_NONE where no table has it. x32 shares the plans of x86-64, where it shares
 * the calls. */
static __always_inline u32 plan_of(struct task_struct *task, s64 nr)
{
	const struct plan *plan;

	if (is_32bit(task))
		return (u64)nr < NUMBERS ? NUMBERS + nr : PLAN_NONE;
	if (!is_x32(nr))
		return (u64)nr < NUMBERS ? nr : PLAN_NONE;
	nr -= X32_SYSCALL_BIT;
	plan = nr < NUMBERS ? plan_at(nr) : NULL;
	return plan && !(plan->flags & PLAN_NOT_X32) ? nr : PLAN_NONE;
}

/* The call's plan, and in state all that is known before its memory is read. NULL if
 * nobody wants it, or no table has it: then it is recorded and not interpreted. */
static __always_inline const struct plan *begin_call(struct task_state *state, struct task_struct *task,
						     struct pt_regs *regs, s64 nr)
{
	u32 index = plan_of(task, nr), flags = 0;
	const struct plan *plan = plan_at(index);

	if (plan)
		flags = plan->flags;
	if (state->phase == PHASE_ARMED && !(flags & PLAN_EXEC))
		return NULL;
	state->phase = PHASE_IDLE;
	if (!(flags & PLAN_TRACED) && !faultin_config.foreign)
		return NULL;
	begin_record(state, task, regs, nr);
	if (!plan || !(flags & PLAN_TRACED)) {
		state->record.plan = PLAN_NONE;
		note_caller(&state->record, task);
		state->phase = PHASE_CALL;
		return NULL;
	}
	if (plan->variants) {
		index = choose_plan(state, index);
		plan = plan_at(index);
	}
	state->record.plan = index;
	if (faultin_config.stack_bytes && flags & PLAN_EXEC)
		state->stack_end = 0; /* there will be another stack */
	return plan;
}

/* A call that was not seen as it began: what it was given is still in its registers, and
 * mostly in memory. */
static __noinline int begin_late(struct task_state *state __attribute__((nonnull)), struct pt_regs *regs)
{
	struct task_struct *task = bpf_get_current_task_btf();
	s64 nr = syscall_number(regs);
	const struct plan *plan;

	plan = nr < 0 ? NULL : begin_call(state, task, regs, nr);
	if (!plan) {
		state->phase = PHASE_IDLE;
		return 0;
	}
	state->record.flags |= RECORD_LATE;
	note_caller(&state->record, task);
	run_all(state, plan->inputs, ALL_OPS, HOW_EXIT);
	state->phase = PHASE_CALL;
	return 0;
}

#endif
