/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The task iterator, run by the consumer: begins to trace what is running, and
 * reports calls that have not returned. */
#ifndef FAULTIN_SCAN_BPF_H
#define FAULTIN_SCAN_BPF_H

#include "call.bpf.h"
#include "state.bpf.h"

/* Begins to trace the threads of a process, or reports calls that have not
 * returned. The state of another task may change while it is copied: its seq
 * tells, and such a copy is thrown away. */
static __always_inline void report_blocked(struct task_state *state)
{
	u32 size = record_size(state), seq = state->record.seq;
	struct bpf_dynptr out;
	u8 type = shared.scan_type;

	if (faultin_config.judges && !is_possible(state))
		return;
	if (bpf_ringbuf_reserve_dynptr(&ring, size, 0, &out)) {
		bpf_ringbuf_discard_dynptr(&out, 0);
		__sync_fetch_and_add(&shared.lost_ring, 1);
		return;
	}
	bpf_dynptr_write(&out, 0, &state->record, size, 0);
	bpf_dynptr_write(&out, 0, &type, sizeof(type), 0);
	if (state->phase != PHASE_CALL || state->record.seq != seq) {
		bpf_ringbuf_discard_dynptr(&out, BPF_RB_NO_WAKEUP);
		return;
	}
	state->shown = seq;
	bpf_ringbuf_submit_dynptr(&out, 0);
}

static __always_inline bool begin_blocked(struct task_state *state, struct task_struct *task)
{
	struct pt_regs *regs = bpf_task_pt_regs(task);
	s64 nr;

	if (!regs)
		return false;
	nr = syscall_number(regs);
	if (nr < 0 || !begin_call(state, task, regs, nr))
		return false;
	state->record.flags |= RECORD_LATE;
	note_caller(&state->record, task);
	return true;
}

/* A call whose memory is still being read: it is told without. What is being written
 * to its state is left alone. */
static __always_inline void report_unread(struct task_state *state)
{
	struct record record;

	__builtin_memcpy(&record, &state->record, sizeof(record));
	record.type = shared.scan_type;
	record.flags |= RECORD_SETTLED;
	record.missed = ALL_OPS;
	state->shown = record.seq;
	send(&record, sizeof(record), false);
}

SEC("iter/task")
int scan(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_state *state;

	if (!task)
		return 0;
	if (shared.scan_pid && task->tgid == shared.scan_pid)
		follow(task, shared.scan_phase);
	state = state_of(task);
	if (state && state->phase != PHASE_ENDED && task->mm)
		__sync_fetch_and_add(&shared.counted, 1);
	if (!shared.scan_before)
		return 0;
	/* Found blocked, and blocked to the end. The probes are off by now, so that
	 * nobody else writes to its state. */
	if (state && state->phase == PHASE_ATTACHED && shared.scan_type == RECORD_NORETURN &&
	    begin_blocked(state, task)) {
		emit(state, RECORD_NORETURN);
		return 0;
	}
	if (!state || state->record.ts >= shared.scan_before ||
	    (state->shown == state->record.seq && shared.scan_type != RECORD_NORETURN))
		return 0;
	if (state->phase == PHASE_READ)
		report_unread(state);
	if (state->phase == PHASE_CALL)
		report_blocked(state);
	return 0;
}

#endif
