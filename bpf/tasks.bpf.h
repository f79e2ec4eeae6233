/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The life of tasks: forks are followed, signals and ends are reported. Each program has
 * a twin (core.bpf.h). */
#ifndef FAULTIN_TASKS_BPF_H
#define FAULTIN_TASKS_BPF_H

#include "state.bpf.h"

static __always_inline int forked(struct task_struct *parent, struct task_struct *child)
{
	struct task_state *state = state_of(parent);

	if (state && state->phase != PHASE_ARMED)
		follow(child, PHASE_IDLE);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int sched_fork(u64 *ctx)
{
	return forked((void *)ctx[0], (void *)ctx[1]);
}

SEC("?tp_btf/sched_process_fork")
int sched_fork_twin(u64 *ctx)
{
	return forked((void *)ctx[0], (void *)ctx[1]);
}

static __noinline int report_signal(u64 number, u64 info)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct {
		struct record record;
		struct kernel_siginfo info;
	} out = {};

	out.record.type = RECORD_SIGNAL;
	out.record.pid = task->tgid;
	out.record.tid = task->pid;
	out.record.ts = bpf_ktime_get_ns();
	out.record.args[0] = number;
	__builtin_memcpy(out.record.comm, task->comm, sizeof(out.record.comm));
	bpf_probe_read_kernel(&out.info, sizeof(out.info), (void *)info);
	send(&out, sizeof(out), false);
	return 0;
}

/* SEND_SIG_NOINFO is no signal, but how the others of a dying group are ended. */
static __always_inline struct task_state *signalled(u64 info)
{
	return info <= 1 ? NULL : state_of(bpf_get_current_task_btf());
}

SEC("tp_btf/signal_deliver")
int signal_deliver(u64 *ctx)
{
	struct task_state *state = signalled(ctx[1]);

	if (!state)
		return 0;
	state->signalled = faultin_config.twins;
	return report_signal(ctx[0], ctx[1]);
}

SEC("?tp_btf/signal_deliver")
int signal_deliver_twin(u64 *ctx)
{
	struct task_state *state = signalled(ctx[1]);

	if (!state)
		return 0;
	if (state->signalled) {
		state->signalled = 0;
		return 0;
	}
	return report_signal(ctx[0], ctx[1]);
}

static __always_inline int ended(struct task_struct *task)
{
	struct task_state *state = state_of(task);
	struct record *record;

	if (!state || state->phase == PHASE_ENDED)
		return 0;
	record = &state->record;
	if (state->phase == PHASE_CALL)
		emit(state, RECORD_NORETURN);
	else if (state->phase == PHASE_WORK)
		emit(state, RECORD_CALL);
	state->phase = PHASE_ENDED;
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

SEC("tp_btf/sched_process_exit")
int sched_exit(u64 *ctx)
{
	return ended((void *)ctx[0]);
}

SEC("?tp_btf/sched_process_exit")
int sched_exit_twin(u64 *ctx)
{
	return ended((void *)ctx[0]);
}

#endif
