/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the core keeps: a state for each traced task, the ring buffer, counters,
 * and the constants that the generated program brings. */
#ifndef FAULTIN_STATE_BPF_H
#define FAULTIN_STATE_BPF_H

#include "compat.bpf.h"

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
	/* Bytes that an output's iovec still has: here, and not on the stack, where the
	 * verifier would follow each value that they take. */
	u64 left_bytes;
	u8 born; /* has not returned from its parent's fork yet */
	/* Whether the first of the two programs at each place has run (core.bpf.h). */
	u8 entered;
	u8 left;
	u8 signalled;
	struct absent absent[ABSENT_MAX];
	struct record record;
	u8 heap[HEAP_SIZE + sizeof(struct piece) + PIECE_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 25);
} ring SEC(".maps");

struct task_work_slot {
	struct bpf_task_work work;
};

/* struct bpf_task_work may live in hash and array maps only. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, u32);
	__type(value, struct task_work_slot);
} works SEC(".maps");

/* Mapped by the consumer. */
volatile struct shared shared;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

extern const struct config faultin_config;
extern const struct plan faultin_plans[];
extern const struct op faultin_ops[];
extern const struct variant faultin_variants[];
/* The query: whether the call in `state` is wanted. */
int faultin_keep(struct task_state *state);

static __always_inline struct task_state *state_of(struct task_struct *task)
{
	return bpf_task_storage_get(&tasks, task, NULL, 0);
}

/* A fault that was waited for fails when its task is killed: that says nothing of the
 * memory. */
static __always_inline void note_killed(struct task_state *state, struct task_struct *task)
{
	if (state->record.missed && is_killed(task))
		state->record.gone |= state->record.missed;
}

static __always_inline void follow(struct task_struct *task, u32 phase)
{
	struct task_state *state;

	if (state_of(task))
		return;
	state = bpf_task_storage_get(&tasks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!state) {
		__sync_fetch_and_add(&shared.lost_tasks, 1);
		return;
	}
	state->phase = phase;
	state->born = phase == PHASE_IDLE;
	__sync_fetch_and_add(&shared.live, 1);
}

static __always_inline int send(void *data, u32 size, bool urgent)
{
	u64 flags;

	/* The consumer looks by itself every few milliseconds: waking it costs the
	 * traced task more than the record, so only a filling buffer does. */
	if (!urgent)
		urgent = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > faultin_config.wake_bytes;
	flags = urgent ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;

	if (!bpf_ringbuf_output(&ring, data, size, flags))
		return 0;
	__sync_fetch_and_add(&shared.lost_ring, 1);
	return -1;
}

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
