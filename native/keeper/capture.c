/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "capture.h"

#include <stdlib.h>

#include "../../bpf/probe.bpf.h"

#define ROUNDS_MAX 512
#define X32_RESTART (X32_SYSCALL_BIT | 219)
#define EXPECTED 512 /* bytes */
#define EXPECTED_MAX 16 /* ranges */
#define SIGINFO 48 /* bytes of it that are more than padding: struct kernel_siginfo */

_Static_assert(ABSENTS == ABSENT_MAX, "capture.h says how many ranges there are");

_Thread_local struct task *current_task;
static _Thread_local sender *sending = output_send;

static __always_inline int send(void *data, u32 size, bool urgent)
{
	return sending(data, size, urgent);
}

/* There is one ring buffer, in which nothing waits for long where faultin is to know at once. */
static __always_inline int send_trigger(void *data, u32 size)
{
	return -1;
}

/* Where each operation begins to read: most strings and structures are shorter than this. */
static void expect_ops(struct task_state *state, u32 first, u32 count, u32 bits)
{
	struct range ranges[OPS_MAX];
	u32 i, found = 0;

	for (i = 0; i < count && i < OPS_MAX; i++) {
		u32 arg = faultin_ops[first + i].arg; /* 6: of none */

		if (bits >> i & 1 && arg < 6 && state->record.args[arg])
			ranges[found++] = (struct range){ state->record.args[arg], EXPECTED };
	}
	if (found > 1)
		memory_expect(ranges, found);
}

/* The buffers of a short array, if each lies in one page. */
static void expect_iovec(u64 base, u64 count, u32 narrow)
{
	struct range ranges[EXPECTED_MAX];
	u32 i, found = 0, size = narrow ? sizeof(struct narrow_iovec) : sizeof(struct user_iovec);
	u8 array[EXPECTED_MAX * sizeof(struct user_iovec)];

	if (count < 2 || count > EXPECTED_MAX || memory_read(array, count * size, base))
		return;
	for (i = 0; i < count; i++) {
		struct user_iovec wide = { 0 };
		struct narrow_iovec half;

		memcpy(narrow ? (void *)&half : (void *)&wide, array + i * size, size);
		if (narrow)
			wide = (struct user_iovec){ half.base, half.len };
		if (wide.len && wide.base % PAGE + wide.len <= PAGE)
			ranges[found++] = (struct range){ wide.base, wide.len };
	}
	memory_expect(ranges, found);
}

/* Somebody will read it, and call_read() goes on. */
static int schedule_work(struct task_state *state)
{
	return 0;
}

struct task_state *call_state(void)
{
	return calloc(1, sizeof(struct task_state));
}

void call_arm(struct task *task)
{
	task->state->phase = PHASE_ARMED;
}

void call_execed(struct task *task)
{
	if (task->state->phase == PHASE_ARMED)
		task->state->phase = PHASE_IDLE;
	else if (task->state->phase == PHASE_CALL)
		task->state->record.flags |= RECORD_EXECED;
}

bool call_is_running(const struct task *task)
{
	return task->state->phase == PHASE_CALL;
}

static void begin(struct task *task)
{
	current_task = task;
	memory_begin(task->space, task->pid);
}

/* What is to be done when the inputs were read, as far as they are present. */
static enum next inputs_read(struct task_state *state)
{
	struct record *record = &state->record;

	if (memory_denied())
		record->gone |= record->missed;
	if (!(record->missed & ~record->gone)) {
		record->flags |= RECORD_SETTLED;
		return NEXT_EXIT;
	}
	state->again = record->missed;
	state->mark = state->used;
	state->settled = 0;
	state->phase = PHASE_READ;
	return NEXT_READ;
}

enum next call_enter(struct task *task, struct entered *entered)
{
	struct task_state *state = task->state;

	if (!task->narrow && is_unwanted(entered->nr))
		return NEXT_NOTHING;
	begin(task);
	enter(state, bpf_get_current_task_btf(), entered, entered->nr);
	return state->phase == PHASE_CALL ? inputs_read(state) : NEXT_NOTHING;
}

enum next call_enter_late(struct task *task, struct entered *entered)
{
	begin(task);
	begin_late(task->state, entered);
	return task->state->phase == PHASE_CALL ? inputs_read(task->state) : NEXT_NOTHING;
}

bool call_resumes(const struct task *task, s64 nr)
{
	const struct record *record = &task->state->record;

	return task->state->phase == PHASE_CALL && record->flags & RECORD_LATE &&
	       (nr == (task->narrow ? 0 : 219) || nr == X32_RESTART || nr == record->nr);
}

enum next call_leave(struct task *task, s64 ret)
{
	struct task_state *state = task->state;
	u32 gone = state->record.gone;

	if (state->phase != PHASE_CALL)
		return NEXT_NOTHING;
	begin(task);
	leave(state, NULL, ret);
	if (state->phase != PHASE_WORK)
		return NEXT_NOTHING;
	state->mark = state->used;
	state->settled = 0;
	if (!memory_denied())
		return NEXT_READ;
	state->record.gone = gone | state->again;
	state->phase = PHASE_IDLE;
	emit(state, RECORD_CALL);
	return NEXT_NOTHING;
}

u32 call_absent(const struct task *task, struct range *ranges)
{
	const struct task_state *state = task->state;
	u32 i;

	for (i = 0; i < state->absents; i++)
		ranges[i] = (struct range){ state->absent[i].addr, state->absent[i].size };
	return state->absents;
}

enum next call_read(struct task *task, u32 reached)
{
	struct task_state *state = task->state;
	bool at_exit = state->phase == PHASE_WORK;
	const struct plan *plan = plan_at(state->record.plan);
	u32 known = state->record.missed & ~state->again, more;

	if (plan && reached && state->settled++ < ROUNDS_MAX) {
		begin(task);
		if (!(state->record.flags & RECORD_SPILLED))
			state->used = state->mark;
		run_all(state, at_exit ? plan->ops : plan->inputs, state->again, at_exit ? HOW_EXIT : HOW_ENTRY);
		more = state->record.missed;
		state->record.missed |= known;
		if (more)
			return NEXT_READ;
	}
	if (!reached)
		learn_stack_end(state);
	state->record.flags |= RECORD_SETTLED;
	if (!at_exit) {
		state->phase = PHASE_CALL;
		return NEXT_EXIT;
	}
	state->phase = PHASE_IDLE;
	emit(state, RECORD_CALL);
	return NEXT_NOTHING;
}

void call_report(struct task *task, u32 type, u64 before)
{
	struct task_state *state = task->state;
	bool is_last = type == RECORD_NORETURN;

	if (state->phase != PHASE_CALL && state->phase != PHASE_READ)
		return;
	if (state->record.ts >= before || (state->shown == state->record.seq && !is_last))
		return;
	state->shown = state->record.seq;
	if (state->phase == PHASE_READ) {
		struct record record = state->record;

		record.type = type;
		record.flags |= RECORD_SETTLED;
		record.missed = ALL_OPS;
		send(&record, sizeof(record), false);
		return;
	}
	emit(state, type);
}

void call_signal(struct task *task, int number, const void *info)
{
	struct {
		struct record record;
		u8 info[SIGINFO];
	} out = { .record = { .type = RECORD_SIGNAL, .pid = task->tgid, .tid = task->pid, .ts = now() } };

	out.record.args[0] = number;
	memcpy(out.record.comm, task->comm, sizeof(out.record.comm));
	memcpy(out.info, info, SIGINFO);
	send(&out, sizeof(out), false);
}

void call_ended(struct task *task, int status, bool told)
{
	struct task_state *state = task->state;
	struct record *record = &state->record;

	if (!told)
		return;
	if (state->phase == PHASE_READ || state->phase == PHASE_WORK)
		record->gone |= record->missed;
	if (state->phase == PHASE_CALL || state->phase == PHASE_READ)
		emit(state, RECORD_NORETURN);
	else if (state->phase == PHASE_WORK)
		emit(state, RECORD_CALL);
	state->phase = PHASE_ENDED;
	*record = (struct record){ .type = RECORD_EXIT, .pid = task->tgid, .tid = task->pid, .ts = now(),
				   .ret = status };
	memcpy(record->comm, task->comm, sizeof(record->comm));
	send(record, sizeof(*record), false);
}

/* Touching has no output. */
static int discard(const void *data, u32 size, bool urgent)
{
	return 0;
}

bool call_touch(s32 pid, bool narrow, struct entered *entered, bool faulting)
{
	static _Thread_local struct task_state state;
	struct task task = { .pid = pid, .tgid = pid, .narrow = narrow, .state = &state };

	if (!narrow && is_unwanted(entered->nr))
		return true;
	current_task = &task;
	sending = discard;
	if (faulting)
		memory_begin_faulting(pid);
	else
		memory_begin_unknown(pid);
	state.phase = PHASE_IDLE;
	state.record.missed = 0;
	enter(&state, bpf_get_current_task_btf(), entered, entered->nr);
	return !state.record.missed;
}

void call_again(const struct record *record, u64 sp, sender *to)
{
	static _Thread_local struct task_state state;
	const struct plan *plan = plan_at(record->plan);
	u32 wanted = record->missed & ~record->gone;

	if (!plan)
		return;
	if (!wanted) /* nobody has read anything yet */
		wanted = (1u << plan->inputs) - 1;
	sending = to;
	state.record = *record;
	state.sp = sp;
	state.stack_end = 0;
	state.used = 0;
	memory_begin_faulting(record->tid);
	run_all(&state, plan->ops, wanted, HOW_REMOTE);
	send(&state.record, record_size(&state), false);
}
