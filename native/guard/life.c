/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <sys/ptrace.h> /* before linux/ptrace.h */

#include "life.h"

#include <linux/ptrace.h>

#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "../keeper/output.h"
#include "births.h"
#include "calls.h"
#include "install.h"
#include "limits.h"
#include "record.h"

static struct task *let_go; /* last, and not known to have stopped */

/* Lets a stopped task go on, with a signal or without. If it was killed meanwhile, its end
 * is told by wait4(). */
static void resume(struct task *task, int number)
{
	bool exits = task->guarded->doing == DOING_CALL || task->guarded->doing == DOING_EXEC;

	let_go = task;
	ptrace(exits ? PTRACE_SYSCALL : PTRACE_CONT, task->pid, 0, number);
}

static void forget(struct task *task)
{
	if (let_go == task)
		let_go = NULL;
	guarded_remove(task);
}

void life_go_on(struct task *task, enum after after)
{
	if (after != AFTER_WAIT)
		resume(task, 0);
}

static void tell_once(u32 notice, s32 pid)
{
	struct keeper_page *page = the_output.page;

	if (page->notices & notice)
		return;
	page->pid = pid;
	__atomic_or_fetch(&page->notices, notice, __ATOMIC_RELEASE);
}

static void ended(struct task *task)
{
	call_never_returns(task);
	forget(task);
}

/* A new program, or process, before its first instruction. */
static void begins(struct task *task)
{
	bool killed = false;
	struct user_regs_struct regs;
	int status;

	task->guarded->fresh = false;
	if (ptrace(PTRACE_GETREGS, task->pid, 0, &regs))
		return; /* killed */
	if (regs.cs == 0x23) /* arch/x86/include/asm/segment.h: __USER32_CS */
		tell_once(NOTICE_NARROW, task->tgid);
	else if (!install_arena(task, &killed, &status) && !killed)
		tell_once(NOTICE_ARENA, task->tgid);
	if (killed)
		ended(task);
	else
		resume(task, 0);
}

static void call_begins(struct task *task, const struct ptrace_syscall_info *info)
{
	struct guarded *guarded = task->guarded;

	if (guarded->doing == DOING_START) {
		resume(task, 0);
		return;
	}
	guarded->made.nr = (s32)info->seccomp.nr;
	memcpy(guarded->made.args, info->seccomp.args, sizeof(guarded->made.args));
	task->narrow = info->arch == AUDIT_ARCH_I386;
	life_go_on(task, call_comes(task));
}

static void call_ends(struct task *task, s64 ret)
{
	if (task->guarded->doing == DOING_EXEC) {
		call_execed(task);
		begins(task);
		return;
	}
	if (task->guarded->doing == DOING_CALL)
		call_returns(task, ret);
	resume(task, 0);
}

static void at_call(struct task *task, const struct ptrace_syscall_info *info)
{
	if (info->op == PTRACE_SYSCALL_INFO_EXIT)
		call_ends(task, info->exit.rval);
	else if (info->op == PTRACE_SYSCALL_INFO_SECCOMP)
		call_begins(task, info);
	else
		resume(task, 0);
}

static void call_stop(struct task *task)
{
	struct ptrace_syscall_info info;

	/* Not if it was killed meanwhile. */
	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->pid, sizeof(info), &info) > 0)
		at_call(task, &info);
}

s32 life_only(void)
{
	return task_count == 1 && let_go ? let_go->pid : 0;
}

/* The stop lasts: wait4() is not to tell of it once more. */
static void take_status(s32 pid)
{
	int status;

	if (wait4(pid, &status, __WALL | WNOHANG, NULL) == pid && !WIFSTOPPED(status))
		life_handle(pid, status);
}

bool life_again(void)
{
	struct task *task = let_go;
	struct ptrace_syscall_info info;
	s32 pid = task->pid;

	let_go = NULL;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
		return false;
	if (info.op != PTRACE_SYSCALL_INFO_EXIT && info.op != PTRACE_SYSCALL_INFO_SECCOMP)
		return false; /* another stop: wait4() has more to say of it */
	if (task->guarded->doing == DOING_EXEC)
		return false; /* what comes now waits for its status */
	at_call(task, &info);
	if (!let_go)
		take_status(pid);
	return true;
}

/* The exec of a thread that is not the leader: it takes the leader's place and id. */
static struct task *execed_task(s32 pid)
{
	struct task *task = task_find(pid), *thread;
	unsigned long former = pid;

	if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &former) || (s32)former == pid)
		return task;
	thread = task_find(former);
	if (!thread)
		return task;
	if (task)
		ended(task);
	task_rename(thread, pid);
	return thread;
}

static void execed(s32 pid)
{
	struct task *task = execed_task(pid);
	struct guarded *guarded;

	if (!task) { /* nobody knows it: it is not to run */
		kill(pid, SIGKILL);
		return;
	}
	guarded = task->guarded;
	space_renew(task->space);
	task_name(task, true);
	if (guarded->doing == DOING_START)
		guarded->told = false;
	if (guarded->arena)
		room_return(guarded->arena, &guarded->room);
	arena_leave(guarded->arena);
	guarded->arena = NULL;
	guarded->site = 0;
	guarded->doing = DOING_EXEC;
	resume(task, 0);
}

static bool stops_a_group(int number)
{
	return number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

/* A group-stop lasts until SIGCONT, as without a tracer. Else it is a new task's first
 * stop. */
static void event_stop(s32 pid, struct task *task, int number)
{
	bool goes = birth_stop(pid, task);

	if (!task)
		task = task_find(pid);
	if (!task) /* no memory for it: it is not to run unguarded */
		kill(pid, SIGKILL);
	else if (goes && stops_a_group(number))
		ptrace(PTRACE_LISTEN, pid, 0, 0);
	else if (goes && task->guarded->fresh)
		begins(task);
	else if (goes)
		resume(task, 0);
}

static void born(struct task *task)
{
	struct task *child = birth_told(task);

	if (child && child->guarded->fresh)
		begins(child);
	else if (child)
		resume(child, 0);
	resume(task, 0);
}

void life_handle(s32 pid, int status)
{
	struct task *task = task_find(pid);
	int event = status >> 16, number = WSTOPSIG(status);

	let_go = NULL;
	if (!WIFSTOPPED(status)) {
		if (task)
			ended(task);
	} else if (event == PTRACE_EVENT_EXEC) {
		execed(pid);
	} else if (event == PTRACE_EVENT_STOP || !task) {
		event_stop(pid, task, event ? number : 0);
	} else if (event == PTRACE_EVENT_SECCOMP || (!event && number == (SIGTRAP | 0x80))) {
		call_stop(task);
	} else if (event) {
		born(task);
	} else {
		resume(task, number);
	}
}

void life_read(struct job *job)
{
	struct task *task = job->forgotten ? NULL : task_find(job->pid);

	limits_wait(-1);
	if (task)
		life_go_on(task, call_touched(task, job));
	free(job);
}

static void look_at_time(struct task *task, u64 time)
{
	birth_late(task, time);
	life_go_on(task, call_late(task, time));
}

void life_tick(void)
{
	task_each(look_at_time, now());
}
