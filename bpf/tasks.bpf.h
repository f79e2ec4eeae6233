/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The life of tasks: forks are followed, signals and ends are reported. */
#ifndef FAULTIN_TASKS_BPF_H
#define FAULTIN_TASKS_BPF_H

#include "state.bpf.h"

SEC("tp_btf/sched_process_fork")
int sched_fork(u64 *ctx)
{
	struct task_state *parent = state_of((void *)ctx[0]);

	if (parent && parent->phase != PHASE_ARMED)
		follow((void *)ctx[1], PHASE_IDLE);
	return 0;
}

SEC("tp_btf/signal_deliver")
int signal_deliver(u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct {
		struct record record;
		struct kernel_siginfo info;
	} out = {};

	/* SEND_SIG_NOINFO: no signal, but how the others of a dying group are ended. */
	if (ctx[1] <= 1 || !state_of(task))
		return 0;
	out.record.type = RECORD_SIGNAL;
	out.record.pid = task->tgid;
	out.record.tid = task->pid;
	out.record.ts = bpf_ktime_get_ns();
	out.record.args[0] = ctx[0];
	__builtin_memcpy(out.record.comm, task->comm, sizeof(out.record.comm));
	bpf_probe_read_kernel(&out.info, sizeof(out.info), (void *)ctx[1]);
	send(&out, sizeof(out), false);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int sched_exit(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct task_state *state = state_of(task);
	struct record *record;

	if (!state)
		return 0;
	record = &state->record;
	if (state->phase == PHASE_CALL)
		emit(state, RECORD_NORETURN);
	else if (state->phase == PHASE_WORK)
		emit(state, RECORD_CALL);
	state->phase = PHASE_IDLE;
	state->used = 0;
	record->type = RECORD_EXIT;
	record->flags = 0;
	record->pid = task->tgid;
	record->tid = task->pid;
	record->ts = bpf_ktime_get_ns();
	record->ret = task->exit_code;
	__builtin_memcpy(record->comm, task->comm, sizeof(record->comm));
	send(record, sizeof(*record), false);
	__sync_fetch_and_add(&shared.live, -1);
	return 0;
}

#endif
