/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The BPF core: follows tasks, captures what their system calls pass by
 * pointer, and sends one record a call.
 *
 * Inputs are read nofault at entry. What was absent is read again at exit, by
 * when the syscall itself has mostly faulted it in; what is absent even then,
 * by task work in the task's own context, where faults may be taken. An exec
 * that succeeds takes the old memory away: there the kernel's own copy serves.
 */
#include "capture.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The plan of a call: its syscall's, or the variant that an argument selects. */
struct search {
	u32 value;
	u32 low;
	u32 high;
	u32 plan;
};

static long bisect(u64 i, struct search *search)
{
	u32 middle = (search->low + search->high) / 2;
	const struct variant *variant;

	if (search->low >= search->high)
		return 1;
	bounded(middle);
	if (middle >= faultin_config.variants)
		return 1;
	variant = &faultin_variants[middle];
	if (variant->value == search->value) {
		search->plan = variant->plan;
		return 1;
	}
	if (variant->value < search->value)
		search->low = middle + 1;
	else
		search->high = middle;
	return 0;
}

static __noinline u32 choose_plan(struct task_state *state __attribute__((nonnull)), u32 nr)
{
	const struct plan *plan = plan_at(nr);
	struct search search;
	u32 selector;

	if (!plan || !plan->variants)
		return nr;
	selector = plan->selector;
	if (selector >= 6)
		return nr;
	search.value = state->record.args[selector] & plan->selector_mask;
	search.low = plan->first_variant;
	search.high = plan->first_variant + plan->variants;
	search.plan = nr;
	bpf_loop(VARIANTS_LOG2, bisect, &search, 0);
	return search.plan;
}

static __always_inline void begin_record(struct task_state *state, struct task_struct *task,
					 struct pt_regs *regs, u64 nr)
{
	struct record *record = &state->record;

	state->used = 0;
	record->flags = 0;
	record->missed = 0;
	record->gone = 0;
	record->nr = nr;
	record->pid = task->tgid;
	record->tid = task->pid;
	record->ts = bpf_ktime_get_ns();
	record->latency = 0;
	record->ret = 0;
	record->seq++;
	syscall_args(record->args, regs);
	__builtin_memcpy(record->comm, task->comm, sizeof(record->comm));
}

/* Most calls of a narrow trace, and of untraced tasks, end here. rt_sigreturn has
 * no number at exit: what is no number is not known to be unwanted. */
static __always_inline bool is_unwanted(s64 nr)
{
	const struct plan *plan;

	if (faultin_config.foreign || nr < 0 || nr >= NUMBERS)
		return false;
	plan = plan_at(nr);
	return plan && !plan->flags;
}

/* A call whose number means nothing in the table: it is recorded, not interpreted. */
static __always_inline void begin_foreign(struct task_state *state, struct task_struct *task,
					  struct pt_regs *regs, u64 nr)
{
	state->phase = PHASE_IDLE;
	if (!faultin_config.foreign)
		return;
	begin_record(state, task, regs, nr);
	state->record.plan = PLAN_NONE;
	if (is_compat(task, nr)) {
		state->record.flags = RECORD_COMPAT;
		compat_args(state->record.args, task, regs);
	}
	state->phase = PHASE_CALL;
}

/* The call's plan, and in state all that is known before its memory is read.
 * NULL if nobody wants it. */
static __always_inline const struct plan *begin_call(struct task_state *state, struct task_struct *task,
						     struct pt_regs *regs, u32 nr)
{
	const struct plan *plan = plan_at(nr);

	if (!plan || (state->phase == PHASE_ARMED && !(plan->flags & PLAN_EXEC)))
		return NULL;
	state->phase = PHASE_IDLE;
	if (!(plan->flags & PLAN_TRACED))
		return NULL;
	begin_record(state, task, regs, nr);
	if (plan->variants) {
		nr = choose_plan(state, nr);
		plan = plan_at(nr);
	}
	state->record.plan = nr;
	return plan;
}

SEC("tp_btf/sys_enter")
int sys_enter(u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)ctx[0];
	struct task_state *state;
	const struct plan *plan;
	u64 nr = ctx[1];

	if (is_unwanted(nr))
		return 0;
	state = state_of(task);
	if (!state)
		return 0;
	if (state->phase == PHASE_WORK)
		emit(state, RECORD_CALL);
	if (is_compat(task, nr) || nr >= NUMBERS) {
		if (state->phase != PHASE_ARMED)
			begin_foreign(state, task, regs, nr);
		return 0;
	}
	plan = begin_call(state, task, regs, nr);
	if (!plan)
		return 0;
	if (plan->inputs)
		run_all(state, plan->inputs, ALL_OPS, HOW_ENTRY);
	if (plan->flags & PLAN_NORETURN)
		emit(state, RECORD_NORETURN);
	else
		state->phase = PHASE_CALL;
	return 0;
}

/* Tracing began while this call was running: what it was given is still in its
 * registers, and mostly in memory. */
static __noinline int begin_late(struct task_state *state __attribute__((nonnull)), struct pt_regs *regs)
{
	struct task_struct *task = bpf_get_current_task_btf();
	s64 nr = syscall_number(regs);
	const struct plan *plan;

	if (nr < 0 || nr >= NUMBERS || is_compat(task, nr)) {
		state->phase = PHASE_IDLE;
		return 0;
	}
	plan = begin_call(state, task, regs, nr);
	if (!plan)
		return 0;
	state->record.flags = RECORD_LATE;
	run_all(state, plan->inputs, ALL_OPS, HOW_EXIT);
	state->phase = PHASE_CALL;
	return 0;
}

#define ROUNDS_MAX 512 /* of task work: each takes ABSENT_MAX faults */

static int finish_work(struct bpf_map *map, void *key, void *value);

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

SEC("tp_btf/sys_exit")
int sys_exit(u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	struct task_state *state;
	struct record *record;
	const struct plan *plan;
	u32 bits, gone, again;

	if (is_unwanted(syscall_number(regs)))
		return 0;
	state = state_of(bpf_get_current_task_btf());
	if (!state)
		return 0;
	if (state->phase == PHASE_ATTACHED)
		begin_late(state, regs);
	if (state->phase != PHASE_CALL)
		return 0;
	record = &state->record;
	record->latency = bpf_ktime_get_ns() - record->ts;
	record->ret = ctx[1];
	plan = plan_at(record->plan);
	if (!plan) {
		state->phase = PHASE_IDLE;
		emit(state, RECORD_CALL);
		return 0;
	}
	bits = record->ret < 0 ? plan->on_failure : record->ret ? plan->on_positive : plan->on_zero;
	gone = record->missed;
	if (faultin_config.retry_at_exit && !(record->flags & RECORD_EXECED))
		gone &= record->ret < 0 ? plan->overwritten_on_failure : plan->overwritten;
	bits |= record->missed & ~gone;
	if (bits)
		run_all(state, plan->ops, bits, HOW_EXIT);
	again = record->missed & ~gone;
	record->missed |= gone;
	record->gone = gone;
	if (again && !schedule_work(state)) {
		state->again = again;
		state->phase = PHASE_WORK;
		return 0;
	}
	state->phase = PHASE_IDLE;
	emit(state, RECORD_CALL);
	return 0;
}

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
		if (state->settled)
			state->record.flags |= RECORD_SETTLED;
		state->phase = PHASE_IDLE;
		emit(state, RECORD_CALL);
	}
	bpf_map_delete_elem(&works, &tid);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int sched_fork(u64 *ctx)
{
	struct task_state *parent = state_of((void *)ctx[0]);

	if (parent && parent->phase != PHASE_ARMED)
		follow((void *)ctx[1], PHASE_IDLE);
	return 0;
}

/* The last moment at which what exec was given can be read: the kernel has just
 * read it, so it is resident, and the address space is still the old one. Loaded
 * where the kernel has it.
 * commit 5c5fad46e48c ("tracing: Add sched_prepare_exec tracepoint") (in v6.10) */
SEC("?tp_btf/sched_prepare_exec")
int sched_prepare(u64 *ctx)
{
	struct task_state *state = state_of((void *)ctx[0]);
	const struct plan *plan;

	if (!state || state->phase != PHASE_CALL || !state->record.missed || !faultin_config.retry_at_exit)
		return 0;
	plan = plan_at(state->record.plan);
	if (plan)
		run_all(state, plan->inputs, state->record.missed, HOW_EXEC);
	return 0;
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
SEC("tp_btf/sched_process_exec")
int sched_exec(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct linux_binprm *bprm = (void *)ctx[2];
	struct task_state *state = state_of(task);
	const struct plan *plan;
	struct mm_struct *mm;
	u64 args[2], envs[2];
	u32 i, left = 0;

	if (!state || state->phase != PHASE_CALL)
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
			missing = capture_filename(state, (u64)bprm->filename, KEY(op, ROLE_DATA, HOW_EXEC));
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

/* Begins to trace the threads of a process, or reports calls that have not
 * returned. The state of another task may change while it is copied: its seq
 * tells, and such a copy is thrown away. */
static __always_inline void report_blocked(struct task_state *state)
{
	u32 size = record_size(state), seq = state->record.seq;
	struct bpf_dynptr out;
	u8 type = shared.scan_type;

	if (!faultin_keep(state))
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
	if (nr < 0 || nr >= NUMBERS || is_compat(task, nr) || !begin_call(state, task, regs, nr))
		return false;
	state->record.flags = RECORD_LATE;
	return true;
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
	if (!shared.scan_before)
		return 0;
	state = state_of(task);
	/* Found blocked, and blocked to the end. The probes are off by now, so that
	 * nobody else writes to its state. */
	if (state && state->phase == PHASE_ATTACHED && shared.scan_type == RECORD_NORETURN &&
	    begin_blocked(state, task)) {
		emit(state, RECORD_NORETURN);
		return 0;
	}
	if (state && state->phase == PHASE_CALL && state->record.ts < shared.scan_before &&
	    (state->shown != state->record.seq || shared.scan_type == RECORD_NORETURN))
		report_blocked(state);
	return 0;
}
