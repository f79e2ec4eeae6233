/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "record.h"

#include <stdlib.h>
#include <unistd.h>

#include "../../bpf/probe.bpf.h"
#include "sealed.h"

#define PATIENCE 100000 /* ns between looks whether there is room in the ring buffer */

_Thread_local struct task *current_task;

/* No decision is lost: who decides waits until there is room. Should faultin have ended, so
 * does the guard (control.c). */
static __always_inline int send(void *data, u32 size, bool urgent)
{
	struct timespec patience = { .tv_nsec = PATIENCE };

	while (!output_has_room(size))
		nanosleep(&patience, NULL);
	return output_send(data, size, urgent);
}

static __always_inline int send_trigger(void *data, u32 size)
{
	return send(data, size, true);
}

static void expect_ops(struct task_state *state, u32 first, u32 count, u32 bits)
{
}

static void expect_iovec(u64 base, u64 count, u32 narrow)
{
}

static int schedule_work(struct task_state *state)
{
	return -1;
}

struct task_state *call_state(void)
{
	return calloc(1, sizeof(struct task_state));
}

void record_begin(struct task *task)
{
	current_task = task;
	begin_call(task->state, task, &task->guarded->passed, task->guarded->passed.nr);
}

const struct plan *record_plan(const struct task *task)
{
	return plan_at(task->state->record.plan);
}

u32 record_plan_index(const struct task *task)
{
	return task->state->record.plan;
}

void record_inputs(struct task *task)
{
	struct task_state *state = task->state;
	struct record *record = &state->record;
	const struct plan *plan = plan_at(record->plan);
	u64 passed[6];

	memcpy(passed, record->args, sizeof(passed));
	memcpy(record->args, task->guarded->sealed.args, sizeof(record->args));
	sealed_begin(&task->guarded->room);
	current_task = task;
	if (plan)
		run_all(state, plan->inputs, ALL_OPS, HOW_ENTRY);
	memcpy(record->args, passed, sizeof(passed));
	record->flags |= RECORD_SETTLED;
}

void record_nothing(struct task *task)
{
	task->state->record.missed = ALL_OPS;
}

u32 record_seq(const struct task *task)
{
	return task->state->record.seq;
}

const struct record *record_of(const struct task *task)
{
	return &task->state->record;
}

void record_ask(struct task *task)
{
	struct record *record = &task->state->record;

	record->type = RECORD_BLOCKED;
	send(record, record_size(task->state), true);
}

static void add_decision(struct task *task)
{
	const u32 size = sizeof(struct decision);
	struct task_state *state = task->state;
	struct piece *piece = new_piece(state);

	label(piece, 0, KEY(DECISION_OP, ROLE_CONTEXT, HOW_ENTRY), size, size);
	memcpy(piece->data, &task->guarded->decision, size);
	state->used += sizeof(*piece) + ((size + 7) & ~7);
}

static void end(struct task *task, u32 type)
{
	struct record *record = &task->state->record;
	/* What was let through is told when there is time; what was not, at once. */
	bool urgent = task->guarded->decision.action != ACTION_ALLOW;

	add_decision(task);
	record->type = type;
	record->latency = now() - record->ts;
	send(record, record_size(task->state), urgent);
}

void record_end(struct task *task, s64 ret)
{
	task->state->record.ret = ret;
	end(task, RECORD_CALL);
}

void record_never(struct task *task)
{
	end(task, RECORD_NORETURN);
}

void record_execed(struct task *task)
{
	task->state->record.flags |= RECORD_EXECED;
}
