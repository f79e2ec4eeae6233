/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the core keeps in the kernel: a state for each traced task, the ring buffer, and
 * counters. */
#ifndef FAULTIN_STATE_BPF_H
#define FAULTIN_STATE_BPF_H

#include "task.bpf.h"

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

/* Of what notifies. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} triggers SEC(".maps");

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

/* For queries: from CLOCK_MONOTONIC to ns since the epoch. */
__noinline u64 query_clock_offset(void)
{
	return shared.clock_offset;
}

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
	u64 flags = urgent ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;

	/* The consumer looks by itself every few milliseconds: waking it costs the
	 * traced task more than the record, so only a filling buffer does. A watch is to
	 * know at once: the kernel wakes it there, unless it is reading. */
	if (faultin_config.triggers)
		flags = 0;
	else if (!urgent && bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > faultin_config.wake_bytes)
		flags = BPF_RB_FORCE_WAKEUP;

	if (!bpf_ringbuf_output(&ring, data, size, flags))
		return 0;
	__sync_fetch_and_add(&shared.lost_ring, 1);
	return -1;
}

static __always_inline int send_trigger(void *data, u32 size)
{
	return bpf_ringbuf_output(&triggers, data, size, 0);
}

#endif
