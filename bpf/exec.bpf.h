/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What exec takes away before it could be read: read at the last moment, or from
 * what the kernel keeps of it. */
#ifndef FAULTIN_EXEC_BPF_H
#define FAULTIN_EXEC_BPF_H

#include "nofault.bpf.h"
#include "state.bpf.h"

/* The last moment at which what exec was given can be read: the kernel has just
 * read it, so it is resident, and the address space is still the old one. It needs no
 * twin: what it misses, sched_exec has. */
static __always_inline int preparing(struct task_struct *task)
{
	struct task_state *state = state_of(task);
	const struct plan *plan;

	if (!state || state->phase != PHASE_CALL || !state->record.missed || !faultin_config.retry_at_exit)
		return 0;
	plan = plan_at(state->record.plan);
	if (plan)
		run_all(state, plan->inputs, state->record.missed, HOW_EXEC);
	return 0;
}

SEC("?tp_btf/sched_prepare_exec")
int sched_prepare(u64 *ctx)
{
	return preparing((void *)ctx[0]);
}

/* Where there is no such tracepoint: the function in which it stands since then. */
SEC("?fentry/begin_new_exec")
int begin_new_exec(u64 *ctx)
{
	return preparing(bpf_get_current_task_btf());
}

#define FD_PATH "/dev/fd/"

/* Where the path that an execveat was given begins in what the kernel made of it:
 * "/dev/fd/5/path", or for an empty one "/dev/fd/5". */
static __always_inline u64 after_fd(u64 path)
{
	char made[32];
	u32 i;

	if (bpf_probe_read_kernel_str(made, sizeof(made), (void *)path) < 0)
		return path;
	for (i = sizeof(FD_PATH) - 1; i < sizeof(made); i++) {
		if (made[i] == '/')
			return path + i + 1;
		if (!made[i])
			return path + i;
	}
	return path;
}

/* The path that exec was given, from the kernel's copy. */
static __noinline int capture_filename(struct task_state *state __attribute__((nonnull)), u64 filename,
				       u64 key)
{
	struct piece *piece = new_piece(state);
	long size;

	if (!piece)
		return 1;
	size = bpf_probe_read_kernel_str(piece->data, PIECE_MAX, (void *)filename);
	if (size < 0)
		return 1;
	label(piece, 0, key, size, size);
	state->used += sizeof(*piece) + (((u32)size + 7) & ~7);
	return 0;
}

/* What exec took away before it could be read: argv and envp stand in the new
 * stack, which is resident, as the kernel has just written it. */
static __always_inline int execed(struct task_struct *task, struct linux_binprm *bprm)
{
	struct task_state *state = state_of(task);
	const struct plan *plan;
	struct mm_struct *mm;
	u64 args[2], envs[2];
	u32 i, left = 0;

	if (!state || state->phase != PHASE_CALL || state->record.flags & RECORD_EXECED)
		return 0;
	state->record.flags |= RECORD_EXECED;
	if (bprm->interp != bprm->filename)
		state->record.flags |= RECORD_SCRIPT;
	plan = plan_at(state->record.plan);
	mm = task->mm;
	if (!state->record.missed || !faultin_config.retry_at_exit || !plan || !mm)
		return 0;
	args[0] = mm->arg_start;
	args[1] = mm->arg_end;
	envs[0] = mm->env_start;
	envs[1] = mm->env_end;
	for (i = 0; i < 3 && i < plan->inputs; i++) {
		u32 op = plan->first + i, flags;
		int missing = 1;

		if (!(state->record.missed >> i & 1) || op >= faultin_config.ops)
			continue;
		bounded(op);
		if (op >= faultin_config.ops)
			continue;
		flags = faultin_ops[op].flags;
		if (flags & OP_EXEC_PATH)
			missing = capture_filename(state, bprm->fdpath ? after_fd((u64)bprm->fdpath) :
								       (u64)bprm->filename,
						   KEY(op, ROLE_DATA, HOW_EXEC));
		if (flags & OP_EXEC_ARGV)
			missing = capture_range(state, args[0], args[1] - args[0],
							KEY(op, ROLE_BLOCK, HOW_EXEC), EXEC_BLOCK_MAX);
		if (flags & OP_EXEC_ENVP)
			missing = capture_range(state, envs[0], envs[1] - envs[0],
							KEY(op, ROLE_BLOCK, HOW_EXEC), EXEC_BLOCK_MAX);
		if (missing)
			left |= 1 << i;
	}
	state->record.missed = left;
	return 0;
}

SEC("tp_btf/sched_process_exec")
int sched_exec(u64 *ctx)
{
	return execed((void *)ctx[0], (void *)ctx[2]);
}

SEC("?tp_btf/sched_process_exec")
int sched_exec_twin(u64 *ctx)
{
	return execed((void *)ctx[0], (void *)ctx[2]);
}

#endif
