/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Query: whether a call is wanted, by the expression that the user gave.
 *
 * Its functions are generated (codegen/query/): faultin_admits() says whether a call can be
 * wanted by its registers, before anything is looked up; faultin_see() is shown each piece as it is
 * captured and keeps what the expression looks at in state->slots, a number or where bytes
 * are; faultin_possible() says whether the call can still be wanted by what is known so
 * far; faultin_certain() whether it is by that alone; faultin_keep() whether it is, when it has ended. What cannot be said here is asked
 * of faultin, which has the whole record (query/evaluate.py).
 */
#ifndef FAULTIN_QUERY_BPF_H
#define FAULTIN_QUERY_BPF_H

#include "piece.bpf.h"

#if defined(__bpf__) || defined(FAULTIN_JUDGE)
#include "texts.bpf.h"

u32 faultin_admits(const u64 *args, u32 nr);
int faultin_see(struct task_state *state, u32 at, u64 key);
u32 faultin_possible(struct task_state *state);
u32 faultin_certain(struct task_state *state);
u32 faultin_keep(struct task_state *state, u32 returned); /* a verdict */

/* What is at `at` from the record on: a piece, captured or missed; or if that is 0, what
 * this key says. */
__noinline int see(struct task_state *state, u32 at, u64 key)
{
	if (!state)
		return 0;
	if (at)
		key = word_at(state, at + offsetof(struct piece, op));
	return faultin_see(state, at, key);
}

/* Whether what is missing of a call may yet be read from outside. */
static __always_inline bool is_unsettled(const struct task_state *state)
{
	const struct record *record = &state->record;

	return state->blurred || (!(record->flags & RECORD_SETTLED) && record->missed & ~record->gone);
}

__noinline u32 judge(struct task_state *state, u32 returned)
{
	if (!state)
		return VERDICT_DROP;
	if (is_unsettled(state))
		return faultin_possible(state) ? VERDICT_ASK : VERDICT_DROP;
	return faultin_keep(state, returned);
}

__noinline u32 possible(struct task_state *state)
{
	return state ? faultin_possible(state) : 0;
}

__noinline u32 certain(struct task_state *state)
{
	return state ? faultin_certain(state) : 0;
}

static __always_inline bool is_possible(struct task_state *state)
{
	return possible(state);
}

/* Whether the call can still be wanted. If it is wanted, whatever is yet to come, that is
 * remembered: what was looked at need not stay. */
static __always_inline bool decide(struct task_state *state)
{
	if (!state->wanted && !possible(state))
		return false;
	if (!state->wanted)
		state->wanted = certain(state);
	return true;
}

static __always_inline u32 verdict_of(struct task_state *state, u32 type)
{
	return judge(state, type == RECORD_CALL);
}
#else
/* The native tracer leaves it all to faultin. */
static __always_inline int see(struct task_state *state, u32 at, u64 key)
{
	return 0;
}

static __always_inline bool is_possible(struct task_state *state)
{
	return true;
}

static __always_inline bool decide(struct task_state *state)
{
	return true;
}

static __always_inline u32 verdict_of(struct task_state *state, u32 type)
{
	return VERDICT_ASK;
}

static __always_inline bool is_counted(struct task_state *state, u32 type)
{
	return false;
}
#endif

/* Where the next piece goes (new_piece). */
static __always_inline u32 next_place(struct task_state *state)
{
	u32 used = state ? state->used : 0;

	return sizeof(struct record) + (used > HEAP_SIZE ? 0 : used);
}

/* What an operation has captured there. */
static __always_inline int seen(struct task_state *state, u32 place, int missed)
{
	if (faultin_config.sees)
		see(state, place, 0);
	return missed;
}

/* Not all of what the query looks at was seen. */
static __always_inline int blur(struct task_state *state)
{
	state->blurred = 1;
	return 0;
}

#endif
