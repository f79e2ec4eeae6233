/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "births.h"

#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include "../keeper/output.h"
#include "../keeper/readers.h"
#include "limits.h"
#include "registers.h"
#include "seal.h"

enum { CLONE3 = 435 };

#define LATE 2000000000ULL /* ns: its parent was killed before it could tell */

struct task *guarded_add(s32 pid, s32 tgid)
{
	struct task *task = task_add(pid, tgid);

	if (!task)
		return NULL;
	task->guarded = calloc(1, sizeof(*task->guarded));
	if (!task->guarded) {
		task_remove(task);
		return NULL;
	}
	the_output.page->shared.live++;
	task_name(task, true);
	return task;
}

void guarded_remove(struct task *task)
{
	struct guarded *guarded = task->guarded;

	if (task->job)
		task->job->forgotten = true;
	if (guarded->doing == DOING_BIRTH)
		limits_wait(-1);
	if (guarded->arena)
		room_return(guarded->arena, &guarded->room);
	arena_leave(guarded->arena);
	free(guarded);
	task_remove(task);
	the_output.page->shared.live--;
}

/* Its registers are those of its parent's call, which may have been changed. */
static void begin(struct task *child)
{
	registers_change(child->pid, &child->guarded->sealed, &child->guarded->made);
	child->guarded->doing = DOING_NOTHING;
}

/* By the call that makes the child. */
static bool shares_memory(const struct task *parent, const struct user_regs_struct *regs)
{
	switch (regs->orig_rax) {
	case SYS_vfork:
		return true;
	case SYS_clone:
		return regs->rdi & CLONE_VM;
	case CLONE3:
		return seal_clone_flags(parent->guarded) & CLONE_VM;
	}
	return false;
}

static void inherit(struct task *child, const struct task *parent, const struct user_regs_struct *regs)
{
	const struct guarded *from = parent->guarded;

	child->guarded->site = from->site;
	child->guarded->fresh = from->arena && !shares_memory(parent, regs);
	if (!child->guarded->fresh)
		child->guarded->arena = arena_share(from->arena);
	if (from->doing != DOING_CALL)
		return;
	child->guarded->made = from->made;
	child->guarded->sealed = from->sealed;
}

struct task *birth_told(const struct task *parent)
{
	struct user_regs_struct regs;
	unsigned long pid = 0;
	struct task *child;

	if (ptrace(PTRACE_GETEVENTMSG, parent->pid, 0, &pid) || !pid)
		return NULL; /* it was killed: birth_late() sees to the child */
	if (ptrace(PTRACE_GETREGS, parent->pid, 0, &regs))
		return NULL;
	child = task_find(pid);
	if (!child) {
		child = guarded_add(pid, task_group(pid));
		if (!child)
			return NULL;
		inherit(child, parent, &regs);
		child->guarded->doing = DOING_FIRST;
		return NULL;
	}
	if (child->guarded->doing != DOING_BIRTH)
		return NULL;
	limits_wait(-1);
	inherit(child, parent, &regs);
	begin(child);
	return child;
}

bool birth_stop(s32 pid, struct task *task)
{
	if (task && task->guarded->doing == DOING_FIRST) {
		begin(task);
		return true;
	}
	if (task)
		return task->guarded->doing != DOING_BIRTH;
	task = guarded_add(pid, task_group(pid));
	if (!task)
		return true;
	task->guarded->doing = DOING_BIRTH;
	task->guarded->begun = now();
	limits_wait(1);
	return false;
}

void birth_late(struct task *task, u64 time)
{
	if (task->guarded->doing == DOING_BIRTH && time - task->guarded->begun > LATE)
		kill(task->tgid, SIGKILL);
}
