/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Task work: what is absent at exit too is read in the task's own context, on its
 * way back to user mode, where faults may be taken. */
#ifndef FAULTIN_WORK_BPF_H
#define FAULTIN_WORK_BPF_H

#include "nofault.bpf.h"
#include "state.bpf.h"

#define ROUNDS_MAX 512 /* of task work: each takes ABSENT_MAX faults */


/* Task work: takes the faults of what was absent, then reads it like everything
 * else. What it finds may name more that is absent (an array its buffers), so it
 * goes round until nothing is missing, or nothing that is missing can be had. */
static long fault_in(u64 i, struct task_state **context)
{
	struct task_state *state = *context;
	u32 n = i, size;
	void *addr;

	bounded(n);
	if (n >= ABSENT_MAX)
		return 1;
	addr = (void *)state->absent[n].addr;
	size = state->absent[n].size;
	/* The bytes go where the next piece would: they are only looked at. */
	if (size) {
		bounded(size);
		if (size > PIECE_MAX)
			size = PIECE_MAX;
		state->reached += !bpf_copy_from_user(state->heap + HEAP_SIZE, size, addr);
	} else {
		state->reached += bpf_copy_from_user_str(state->heap + HEAP_SIZE, PIECE_MAX, addr, 0) > 0;
	}
	return 0;
}

static long next_round(u64 i, struct task_state **context)
{
	struct task_state *state = *context;
	const struct plan *plan = plan_at(state->record.plan);

	if (!plan)
		return 1;
	state->reached = 0;
	bpf_loop(state->absents, fault_in, context, 0);
	if (!state->reached) {
		learn_stack_end(state);
		state->settled = 1;
		return 1;
	}
	if (!(state->record.flags & RECORD_SPILLED))
		state->used = state->mark;
	run_all(state, plan->ops, state->again, HOW_DEFERRED);
	if (state->record.missed)
		return 0;
	state->settled = 1;
	return 1;
}

static int finish_work(struct bpf_map *map, void *key, void *value)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = state_of(task);
	u32 tid = task->pid;

	if (state && state->phase == PHASE_WORK) {
		state->mark = state->used;
		state->settled = 0;
		bpf_loop(ROUNDS_MAX, next_round, &state, 0);
		/* A fault that was waited for fails when its task is killed: that says nothing of
		 * the memory, and nobody else should wait for it now. */
		if (is_killed(task))
			state->record.gone |= state->record.missed;
		else if (state->settled)
			state->record.flags |= RECORD_SETTLED;
		state->phase = PHASE_IDLE;
		emit(state, RECORD_CALL);
	}
	bpf_map_delete_elem(&works, &tid);
	return 0;
}

/* Hands what is still missing to task work. Returns 0 when it will be done. */
static __noinline int schedule_work(struct task_state *state __attribute__((nonnull)))
{
	struct task_work_slot *slot, empty = {};
	u32 tid = state->record.tid;
	int err = -1;

	if (!faultin_config.task_work)
		return -1;
	if (bpf_map_update_elem(&works, &tid, &empty, BPF_ANY))
		return -1;
	slot = bpf_map_lookup_elem(&works, &tid);
	if (!slot)
		return -1;
	if (faultin_config.task_work == 1)
		err = bpf_task_work_schedule_resume_impl(bpf_get_current_task_btf(), &slot->work, &works,
							 finish_work, NULL);
	else
		err = bpf_task_work_schedule_resume(bpf_get_current_task_btf(), &slot->work, &works,
						    finish_work);
	if (err)
		bpf_map_delete_elem(&works, &tid);
	return err;
}

#endif
