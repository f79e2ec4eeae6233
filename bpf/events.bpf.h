/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * User events: what a program says by itself (USDT probes, functions, faultin.events),
 * seen by a uprobe that may sleep, so that all of its memory is read with faults taken.
 *
 * An event is a call that never returns: a plan, registers, pieces, and the query, all as
 * for system calls. Its task is in user mode, so its state is not in use for a call.
 */
#ifndef FAULTIN_EVENTS_BPF_H
#define FAULTIN_EVENTS_BPF_H

#include "call.bpf.h"
#include "count.bpf.h"
#include "faulting.bpf.h"

#define PROBES_MAX 256 /* places in programs */
#define NO_INDEX 0xffff

enum operand_kind {
	OPERAND_NONE = 0,
	OPERAND_CONST = 1,    /* offset */
	OPERAND_REGISTER = 2, /* base */
	OPERAND_MEMORY = 3,   /* what base + offset + (index << shift) points at */
};

/* Where a value is: registers by their offset in struct pt_regs. */
struct operand {
	u8 kind;
	u8 size; /* bytes */
	u8 is_signed;
	u8 shift;
	u16 base;
	u16 index;
	s64 offset;
};

struct probe {
	u64 id; /* of an event that shares its place with others: what `named` has; or 0 */
	u32 nr;
	u32 plan;
	struct operand args[6];
	struct operand named;
};

extern const struct probe faultin_probes[PROBES_MAX];

/* The low bytes of a word, as a number of their size and sign. */
static __always_inline u64 narrowed(u64 value, const struct operand *operand)
{
	u32 unused = 64 - 8 * operand->size;

	if (unused > 56)
		return value;
	value <<= unused;
	return operand->is_signed ? (u64)((s64)value >> unused) : value >> unused;
}

/* Returns 0, or an error where the value lies in memory that is not there. */
static __noinline long read_operand(struct pt_regs *ctx, const struct operand *operand, u64 *value)
{
	u64 word = 0, index = 0;
	u32 size = operand->size;
	long err = 0;

	if (operand->kind == OPERAND_CONST)
		word = operand->offset;
	else if (operand->kind != OPERAND_NONE)
		bpf_probe_read_kernel(&word, sizeof(word), (void *)ctx + operand->base);
	if (operand->kind == OPERAND_MEMORY) {
		if (operand->index != NO_INDEX)
			bpf_probe_read_kernel(&index, sizeof(index), (void *)ctx + operand->index);
		index = word + operand->offset + (index << (operand->shift & 3));
		word = 0;
		bounded(size);
		/* No byte more than it has: what follows may be another page. */
		err = size > sizeof(word) ? -1 : bpf_copy_from_user(&word, size, (void *)index);
	}
	*value = narrowed(word, operand);
	return err;
}

/* The high half of an id stands for a name, the low one for its fields too. */
static __always_inline bool is_named(struct pt_regs *ctx, const struct probe *probe)
{
	u64 id = 0;

	if (read_operand(ctx, &probe->named, &id))
		return false;
	if (id != probe->id && id >> 32 == probe->id >> 32)
		__sync_fetch_and_add(&shared.other_fields, 1);
	return id == probe->id;
}

static __always_inline const struct probe *probe_of(struct pt_regs *ctx)
{
	const struct probe *probe;
	u32 n = bpf_get_attach_cookie(ctx);

	bounded(n);
	if (n >= PROBES_MAX)
		return NULL;
	probe = &faultin_probes[n];
	return probe->id && !is_named(ctx, probe) ? NULL : probe;
}

static __always_inline void begin_event(struct task_state *state, struct task_struct *task,
					struct pt_regs *ctx, const struct probe *probe)
{
	u64 value;
	u32 i;

	begin_record(state, task, ctx, probe->nr);
	note_caller(&state->record, task);
	state->record.flags = 0;
	state->record.plan = probe->plan;
	for (i = 0; i < 6; i++) {
		value = 0;
		if (read_operand(ctx, &probe->args[i], &value))
			state->record.ret |= 1 << i;
		state->record.args[i] = value;
	}
	state->wanted = state->record.ret != 0; /* it is not for the query's functions */
	begin_run(state);
}

/* Reads what the event passes. Whether it is wanted. */
static __always_inline bool read_event(struct task_state *state, const struct plan *plan)
{
	bool judged = faultin_config.judges && !state->record.ret;
	u32 first = judged ? plan->asked : 0;

	if (judged) {
		faulting_run_some(state, plan->inputs, first, HOW_ENTRY);
		if (!decide(state))
			return false;
	}
	faulting_run_some(state, plan->inputs, ALL_OPS & ~first, HOW_ENTRY);
	return true;
}

/* With an argument that could not be read, the query's functions would take it for 0: faultin
 * judges, and counts. */
static __always_inline void emit_event(struct task_state *state)
{
	if (!state->record.ret) {
		emit(state, RECORD_NORETURN);
		return;
	}
	state->wanted = 0;
	state->record.type = RECORD_NORETURN;
	send_state(state, false);
}

SEC("?uprobe.s")
int user_event(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = state_of(task);
	const struct probe *probe;
	const struct plan *plan;
	bool wanted;

	if (!state || state->phase == PHASE_ARMED)
		return 0;
	probe = probe_of(ctx);
	if (!probe)
		return 0;
	plan = plan_at(probe->plan);
	if (!plan)
		return 0;
	if (state->phase == PHASE_CALL)
		__sync_fetch_and_add(&shared.lost_returns, 1);
	if (state->phase == PHASE_CALL || state->phase == PHASE_WORK)
		emit(state, state->phase == PHASE_WORK ? RECORD_CALL : RECORD_NORETURN);
	begin_event(state, task, ctx, probe);
	state->phase = PHASE_READ;
	wanted = read_event(state, plan);
	state->record.flags |= RECORD_SETTLED;
	note_killed(state, task);
	state->phase = PHASE_IDLE;
	if (wanted)
		emit_event(state);
	return 0;
}

#endif
