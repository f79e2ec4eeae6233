/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A traced task as the capture code knows it: its state, the constants of the trace, and
 * how what was captured leaves. BPF programs are made of this, and the native tracer
 * (native/keeper), which brings what takes the place of the kernel's helpers. */
#ifndef FAULTIN_TASK_BPF_H
#define FAULTIN_TASK_BPF_H

#ifdef __bpf__
#include "compat.bpf.h"
#else
#include "shim.h"
#endif

#define ABSENT_MAX 16

struct absent {
	u64 addr;
	u64 size; /* 0: a string */
};

/* Task-local: a program that sleeps in a fault may find another task on its
 * CPU, running the same program. record and heap leave as one piece. */
struct task_state {
	u32 phase;
	u32 used;  /* bytes of the heap */
	u32 shown; /* seq of the call that was last reported as blocked */
	u32 todo;  /* operations to run, a bit each */
	u32 absents; /* entries of absent[]; there may be more that did not fit */
	/* Of task work: how many of them could be faulted in, which operations to
	 * run again, where the heap stood before, and whether all is done. */
	u32 reached;
	u32 again;
	u32 mark;
	u32 settled;
	u8 born; /* has not returned from its parent's fork yet */
	/* Whether the first of the two programs at each place has run (core.bpf.h). */
	u8 entered;
	u8 left;
	u8 signalled;
	struct absent absent[ABSENT_MAX];
	struct record record;
	u8 heap[HEAP_SIZE + sizeof(struct piece) + PIECE_MAX];
};

#ifdef __bpf__
extern const struct config faultin_config;
extern const struct plan faultin_plans[];
extern const struct op faultin_ops[];
extern const struct variant faultin_variants[];
/* The query: whether the call in `state` is wanted. */
int faultin_keep(struct task_state *state);

/* What is read next, for whoever reads several ranges at once: a program in the kernel
 * does not. */
static __always_inline void expect_ops(struct task_state *state, u32 first, u32 count, u32 bits)
{
}

static __always_inline void expect_iovec(u64 base, u64 count, u32 narrow)
{
}
#endif

/* Into the ring buffer. Returns 0 unless it was full. */
static __always_inline int send(void *data, u32 size, bool urgent);

static __always_inline u32 record_size(struct task_state *state)
{
	u32 used = state->used;

	if (used > sizeof(state->heap))
		used = sizeof(state->heap);
	bounded(used);
	return sizeof(struct record) + used;
}

static __always_inline const struct plan *plan_at(u32 index)
{
	if (index >= faultin_config.plans)
		return NULL;
	bounded(index);
	if (index >= faultin_config.plans)
		return NULL;
	return &faultin_plans[index];
}

/* The finished call leaves, if the query wants it. */
static __noinline int emit(struct task_state *state __attribute__((nonnull)), u32 type)
{
	if (!faultin_keep(state))
		return 0;
	state->record.type = type;
	/* The consumer will read what is missing: the sooner, the truer. */
	return send(&state->record, record_size(state),
		    !faultin_config.task_work && state->record.missed);
}

/* The heap is full: what is there goes ahead of its record. */
static __always_inline void spill(struct task_state *state)
{
	state->record.type = RECORD_PART;
	state->record.flags |= RECORD_SPILLED;
	if (send(&state->record, record_size(state), false))
		state->record.flags |= RECORD_PART_LOST;
	state->used = 0;
}

#endif
