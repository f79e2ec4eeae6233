/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <linux/ioctl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "../keeper/events.h"
#include "../keeper/output.h"
#include "decide.h"
#include "doors.h"
#include "limits.h"
#include "messages.h"
#include "record.h"
#include "registers.h"
#include "resolve.h"
#include "seal.h"

#define X32_SYSCALL_BIT 0x40000000

/* A job of the readers: one range of a task's memory. */
struct touching {
	struct job job;
	struct range range;
	bool there;
};

static void touch(struct job *job)
{
	struct touching *touching = (struct touching *)job;

	touching->there = copy_touch(job->pid, &touching->range);
	events_post(EVENT_READ, job);
}

static bool is_told(const struct guarded *guarded)
{
	if (guarded->decision.action != ACTION_ALLOW)
		return true;
	return the_policy->audits && guarded->decision.why != WHY_DOOR;
}

static enum after refused(struct task *task)
{
	struct guarded *guarded = task->guarded;

	if (guarded->arena)
		room_return(guarded->arena, &guarded->room);
	guarded->doing = DOING_NOTHING;
	registers_refuse(task->pid, -guarded->decision.error);
	record_end(task, -guarded->decision.error);
	return AFTER_GO;
}

/* Denied before anything is known of the inputs. */
static enum after deny(struct task *task, enum why why, s32 error)
{
	decide_denied(task, why, error);
	record_nothing(task);
	return refused(task);
}

static enum after killed(struct task *task)
{
	registers_refuse(task->pid, -EPERM);
	record_never(task);
	task->guarded->doing = DOING_NOTHING;
	kill(task->tgid, SIGKILL);
	return AFTER_WAIT;
}

/* It may run, on what was sealed. */
static enum after let_run(struct task *task, u64 resolve)
{
	struct guarded *guarded = task->guarded;

	if (resolve && resolve_open(guarded, resolve))
		return deny(task, WHY_SIZE, E2BIG);
	registers_change(task->pid, &guarded->made, &guarded->sealed);
	guarded->told = is_told(guarded);
	if (!guarded->told && !memcmp(&guarded->sealed, &guarded->made, sizeof(guarded->made))) {
		guarded->doing = DOING_NOTHING;
		return AFTER_GO;
	}
	guarded->doing = DOING_CALL;
	return AFTER_RUN;
}

static enum after act(struct task *task, u64 resolve)
{
	switch (task->guarded->decision.action) {
	case ACTION_DENY:
		return refused(task);
	case ACTION_KILL:
		return killed(task);
	}
	return let_run(task, resolve);
}

static enum after judge(struct task *task)
{
	const struct guarded_call *call = policy_call(task->guarded->passed.nr);
	u64 resolve = 0;

	if (door_shares_files(seal_clone_flags(task->guarded)))
		return deny(task, WHY_DOOR, EINVAL);
	if (call->guarded == GUARDED_WATCHED) {
		task->guarded->decision = (struct decision){ RULE_NONE, ACTION_ALLOW, WHY_DOOR, 0 };
		return let_run(task, 0);
	}
	if (the_policy->audits || call->recorded)
		record_inputs(task);
	if (decide(task, &resolve) == DECIDED)
		return act(task, resolve);
	task->guarded->asked = record_seq(task);
	task->guarded->doing = DOING_ASK;
	record_ask(task);
	return AFTER_WAIT;
}

static enum after read_later(struct task *task, const struct range *absent)
{
	struct touching *touching = calloc(1, sizeof(*touching));
	struct guarded *guarded = task->guarded;

	if (!touching)
		return deny(task, WHY_ROOM, ENOMEM);
	if (!guarded->begun)
		guarded->begun = now();
	touching->job.run = touch;
	touching->job.pid = task->pid;
	touching->job.tgid = task->tgid;
	touching->range = *absent;
	guarded->doing = DOING_READ;
	task->job = &touching->job;
	limits_wait(1);
	readers_run(&touching->job);
	return AFTER_WAIT;
}

/* Whether it is given something that cannot be sealed, where the policy does not have that. Of
 * an ioctl that the table does not know, only its number tells whether it reads memory. */
static bool is_unsealed(const struct task *task)
{
	const struct entered *call = &task->guarded->passed;
	u32 arguments = policy_unsealed(record_plan_index(task)), i;

	if (arguments & UNSEALED_IOCTL && _IOC_DIR(call->args[1]) == _IOC_READ)
		return false;
	for (i = 0; i < 6; i++)
		if (arguments >> i & 1 && call->args[i])
			return true;
	return false;
}

static enum after seal(struct task *task)
{
	const struct plan *plan = record_plan(task);
	struct range absent;

	task->guarded->sealed = task->guarded->passed;
	if (is_unsealed(task))
		return deny(task, WHY_UNSEALED, EOPNOTSUPP);
	if (!plan || !plan->ops)
		return judge(task);
	switch (seal_call(task, plan, &absent)) {
	case COPIED:
		return judge(task);
	case COPY_ABSENT:
		return read_later(task, &absent);
	case COPY_BIG:
		return deny(task, WHY_SIZE, E2BIG);
	case COPY_ROOM:
		return deny(task, WHY_ROOM, ENOMEM);
	case COPY_FAULT:
		break;
	}
	return deny(task, WHY_FAULT, EFAULT);
}

enum after call_comes(struct task *task)
{
	struct guarded *guarded = task->guarded;
	const struct guarded_call *call;
	s32 error;

	guarded->passed = guarded->made;
	guarded->begun = 0;
	guarded->touched = (struct range){ 0 };
	guarded->messages = false;
	if (the_policy->audits)
		task_name(task, false);
	messages_one(guarded);
	record_begin(task);
	if (task->narrow || guarded->made.nr >= X32_SYSCALL_BIT)
		return deny(task, WHY_ABI, ENOSYS);
	call = policy_call(guarded->passed.nr);
	if (!call) { /* a filter of the program's own has its tracer asked, which is not there */
		registers_refuse(task->pid, -ENOSYS);
		return AFTER_GO;
	}
	error = door_closed(task);
	if (error)
		return deny(task, WHY_DOOR, error);
	if (guarded->made.nr == SYS_clone) /* a child that is not traced would not be guarded */
		guarded->passed.args[0] &= ~(u64)CLONE_UNTRACED;
	return seal(task);
}

enum after call_touched(struct task *task, struct job *job)
{
	const struct touching *touching = (const struct touching *)job;

	task->job = NULL;
	if (!touching->there)
		return deny(task, WHY_FAULT, EFAULT);
	task->guarded->touched = touching->range;
	return seal(task);
}

enum after call_told(struct task *task, u32 seq, u32 step)
{
	u64 resolve = 0;

	if (task->guarded->doing != DOING_ASK || task->guarded->asked != seq)
		return AFTER_WAIT;
	decide_told(task, step, &resolve);
	return act(task, resolve);
}

enum after call_late(struct task *task, u64 time)
{
	const struct guarded *guarded = task->guarded;

	if (guarded->doing != DOING_READ || time - guarded->begun < the_policy->read_ms * 1000000ULL)
		return AFTER_WAIT;
	if (task->job)
		task->job->forgotten = true;
	task->job = NULL;
	return deny(task, WHY_STALLED, EFAULT);
}

void call_returns(struct task *task, s64 ret)
{
	struct guarded *guarded = task->guarded;

	registers_change(task->pid, &guarded->sealed, &guarded->made);
	if (guarded->messages)
		ret = messages_sent(task, ret);
	if (guarded->told)
		record_end(task, ret);
	if (guarded->arena)
		room_return(guarded->arena, &guarded->room);
	guarded->doing = DOING_NOTHING;
}

void call_execed(struct task *task)
{
	if (task->guarded->told) {
		record_execed(task);
		record_end(task, 0);
	}
	task->guarded->doing = DOING_NOTHING;
}

void call_never_returns(struct task *task)
{
	struct guarded *guarded = task->guarded;
	bool in_call = guarded->doing == DOING_CALL || guarded->doing == DOING_EXEC;

	if (in_call && guarded->told)
		record_never(task);
	if (guarded->arena)
		room_return(guarded->arena, &guarded->room);
	guarded->doing = DOING_NOTHING;
}
