/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Pieces: how what was read is laid into the task's heap, and how what was not is
 * marked (HOW_MISSED) and remembered, for whoever can take the fault. */
#ifndef FAULTIN_PIECE_BPF_H
#define FAULTIN_PIECE_BPF_H

#include "task.bpf.h"

#define PAGE 4096

/* op, role, how, index and outer of a piece in one register: a global function
 * has five. */
#define KEY(op, role, how) ((u64)(op) | (u64)(role) << 16 | (u64)(how) << 24)
#define KEY_INDEX(index) ((u64)(index) << 32)
#define KEY_OUTER(outer) ((u64)(outer) << 48)
#define KEY_ROLE(key, role) (((key) & ~(0xffULL << 16)) | (u64)(role) << 16)
#define KEY_MISSED(key) ((key) & ~(0xffULL << 24))

struct user_iovec {
	u64 base;
	u64 len;
};

struct narrow_iovec {
	u32 base;
	u32 len;
};

struct user_msghdr {
	u64 name;
	u32 namelen;
	u32 pad;
	u64 iov;
	u64 iovlen;
	u64 control;
	u64 controllen;
	u32 flags;
	u32 pad2;
	/* of mmsghdr only: bytes of this message */
	u32 len;
	u32 pad3;
};

/* Loops run through bpf_loop, whose callback gets one pointer. */
struct walk {
	struct task_state *state;
	u64 base;
	u64 key;
	u64 left; /* of each message: bytes that an output has */
	u64 limit;
	u32 missed;
	u32 out;
	u32 narrow;
};

static __always_inline void label(struct piece *piece, u64 addr, u64 key, u64 want, u32 len)
{
	piece->addr = addr;
	*(u64 *)&piece->op = key;
	piece->want = want > 0xffffffff ? 0xffffffff : want;
	piece->len = len;
}

static __always_inline struct piece *new_piece(struct task_state *state)
{
	u32 used = state->used;

	if (used > HEAP_SIZE) {
		spill(state);
		used = 0;
	}
	bounded(used);
	if (used > HEAP_SIZE)
		return NULL;
	return (struct piece *)(state->heap + used);
}

/* A piece without bytes. */
static __always_inline int note(struct task_state *state, u64 addr, u64 want, u64 key)
{
	struct piece *piece;

	if (!state)
		return 0;
	piece = new_piece(state);
	if (!piece)
		return 0;
	label(piece, addr, key, want, 0);
	state->used += sizeof(*piece);
	return 0;
}

/* Memory that is not there (`size` 0: a string). Returns 1, for the caller to say. */
static __always_inline int miss(struct task_state *state, u64 addr, u64 want, u64 key, u32 size)
{
	u32 n;

	if (!state)
		return 1;
	note(state, addr, want, KEY_MISSED(key));
	n = state->absents;
	bounded(n);
	if (n < ABSENT_MAX) {
		state->absent[n].addr = addr;
		state->absent[n].size = size;
		state->absents = n + 1;
	}
	return 1;
}

#define STACK_TRUST 255

/* All that is still noted as absent could not be had, although faults were taken: the first
 * such page above the stack pointer ends the stack, and is not looked for in the calls that
 * follow. It is believed for a while only, as stacks may be mapped anew. */
static __always_inline void learn_stack_end(struct task_state *state)
{
	u64 sp = state->sp, end = ~0ULL;
	u32 i;

	if (!faultin_config.stack_bytes || !sp)
		return;
	for (i = 0; i < ABSENT_MAX; i++) {
		u64 addr = state->absent[i].addr;

		if (i >= state->absents)
			break;
		if (state->absent[i].size && addr > sp && !(addr & (PAGE - 1)) && addr < end)
			end = addr;
	}
	if (end - sp > STACK_MAX)
		return;
	state->stack_end = end;
	state->stack_trust = STACK_TRUST;
}

/* Nothing is known to be missing yet. */
static __always_inline void begin_run(struct task_state *state)
{
	state->record.missed = 0;
	state->absents = 0;
}

#endif
