/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <sys/ptrace.h> /* before linux/ptrace.h */

#include "stops.h"

#include <linux/ptrace.h>

#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "late.h"
#include "output.h"
#include "registers.h"
#include "seize.h"
#include "watch.h"

static bool is_filtered, is_quiet;
static struct task *let_go; /* last, and not known to have stopped */

static void forget(struct task *task)
{
	if (task->job)
		task->job->forgotten = true;
	if (let_go == task)
		let_go = NULL;
	task_remove(task);
	the_output.page->shared.live--;
}

/* Lets a stopped task go on, with a signal or without. If it was killed meanwhile, its end
 * is told by wait4(). */
static void resume(struct task *task, int number)
{
	bool exits = call_is_running(task) || task->watched != WATCH_NOTHING;
	s32 pid = task->pid;

	let_go = task;
	if (is_quiet && !is_filtered && task->watched == WATCH_NOTHING) {
		forget(task);
		ptrace(PTRACE_DETACH, pid, 0, number);
	} else if (exits || !is_filtered) {
		ptrace(PTRACE_SYSCALL, pid, 0, number);
	} else {
		ptrace(PTRACE_CONT, pid, 0, number);
	}
}

static void go_on(struct task *task, enum next next)
{
	while (next == NEXT_READ) {
		task->job = readers_read(task);
		if (task->job)
			return;
		next = call_read(task, 0); /* no memory for the job: nothing was read */
	}
	resume(task, 0);
}

void stops_read(struct job *job)
{
	struct task *task = job->forgotten ? NULL : task_find(job->pid);
	u32 reached = job->reached;

	free(job);
	if (!task)
		return;
	task->job = NULL;
	go_on(task, call_read(task, reached));
}

static void call_begins(struct task *task, const struct ptrace_syscall_info *info)
{
	struct entered entered = { .nr = (s32)info->entry.nr };

	_Static_assert(offsetof(struct ptrace_syscall_info, seccomp.args) ==
			       offsetof(struct ptrace_syscall_info, entry.args), "they begin alike");
	memcpy(entered.args, info->entry.args, sizeof(entered.args));
	task->narrow = info->arch == AUDIT_ARCH_I386;
	task->inside = entered.nr;
	if (call_resumes(task, entered.nr)) {
		resume(task, 0);
		return;
	}
	watch_enter(task, &entered);
	if (is_quiet) {
		resume(task, 0);
		return;
	}
	if (the_trace.config->stack_bytes)
		registers_read(task, info, &entered.registers);
	task_name(task, false);
	go_on(task, call_enter(task, &entered));
}

static void call_ends(struct task *task, s64 ret)
{
	task->inside = -1;
	if (task->watched != WATCH_NOTHING)
		watch_leave(task, ret);
	if (is_quiet)
		resume(task, 0);
	else
		go_on(task, call_leave(task, ret));
}

static void at_call(struct task *task, const struct ptrace_syscall_info *info)
{
	if (info->op == PTRACE_SYSCALL_INFO_EXIT)
		call_ends(task, info->exit.rval);
	else if (info->op == PTRACE_SYSCALL_INFO_NONE)
		resume(task, 0);
	else
		call_begins(task, info);
}

static void call_stop(struct task *task)
{
	struct ptrace_syscall_info info;

	/* Not if it was killed meanwhile. */
	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->pid, sizeof(info), &info) > 0)
		at_call(task, &info);
}

s32 stops_only(void)
{
	return task_count == 1 && let_go ? let_go->pid : 0;
}

/* The stop lasts: wait4() is not to tell of it once more. */
static void take_status(s32 pid)
{
	int status;

	if (wait4(pid, &status, __WALL | WNOHANG, NULL) == pid && !WIFSTOPPED(status))
		stops_handle(pid, status);
}

bool stops_again(void)
{
	struct task *task = let_go;
	struct ptrace_syscall_info info;
	s32 pid = task->pid;

	let_go = NULL;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->pid, sizeof(info), &info) <= 0)
		return false;
	if (info.op == PTRACE_SYSCALL_INFO_NONE)
		return false; /* another stop: wait4() has more to say of it */
	at_call(task, &info);
	if (!let_go)
		take_status(pid);
	return true;
}

static struct task *born(s32 pid)
{
	struct task *task = task_add(pid, task_group(pid));

	if (!task) {
		the_output.page->shared.lost_tasks++;
		return NULL;
	}
	the_output.page->shared.live++;
	task_name(task, true);
	return task;
}

/* The exec of a thread that is not the leader: it takes the leader's place and id. */
static struct task *execed_task(s32 pid)
{
	struct task *task = task_find(pid), *thread;
	unsigned long former = pid;

	if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &former) || (s32)former == pid)
		return task ? task : born(pid);
	thread = task_find(former);
	if (!thread)
		return task ? task : born(pid);
	if (task) {
		call_ended(task, 0, !is_quiet);
		forget(task);
	}
	task_rename(thread, pid);
	return thread;
}

static void execed(s32 pid)
{
	struct task *task = execed_task(pid);

	if (!task) {
		ptrace(PTRACE_CONT, pid, 0, 0);
		return;
	}
	space_renew(task->space);
	task_name(task, true);
	watch_exec(task);
	call_execed(task);
	resume(task, 0);
}

static bool stops_a_group(int number)
{
	return number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

/* A group-stop lasts until SIGCONT, as without a tracer. Else it is a new task's first
 * stop, or one that we asked for. */
static void event_stop(struct task *task, int number)
{
	bool is_late = task->attached && !is_quiet;
	struct entered entered;

	task->attached = false;
	if (stops_a_group(number) && (!is_quiet || is_filtered)) {
		ptrace(PTRACE_LISTEN, task->pid, 0, 0);
		return;
	}
	if (!is_late || !late_call(task, &entered)) {
		resume(task, 0);
		return;
	}
	go_on(task, call_enter_late(task, &entered));
}

static void signal_stop(struct task *task, int number)
{
	siginfo_t info;

	if (!is_quiet && !ptrace(PTRACE_GETSIGINFO, task->pid, 0, &info))
		call_signal(task, number, &info);
	resume(task, number);
}

static void ended(struct task *task, int status)
{
	call_ended(task, status, !is_quiet);
	forget(task);
}

void stops_handle(s32 pid, int status)
{
	struct task *task = task_find(pid);
	int event = status >> 16, number = WSTOPSIG(status);

	let_go = NULL;
	if (!WIFSTOPPED(status)) {
		if (task)
			ended(task, status);
		return;
	}
	if (event == PTRACE_EVENT_EXEC) {
		execed(pid);
		return;
	}
	if (!task && !(task = born(pid))) {
		ptrace(PTRACE_CONT, pid, 0, event ? 0 : number & 0x7f);
		return;
	}
	if (event == PTRACE_EVENT_SECCOMP || (!event && number == (SIGTRAP | 0x80)))
		call_stop(task);
	else if (event == PTRACE_EVENT_STOP)
		event_stop(task, number);
	else if (event)
		resume(task, 0); /* a fork: the child's own first stop tells of it */
	else
		signal_stop(task, number);
}

static void report(struct task *task, u64 before)
{
	call_report(task, RECORD_BLOCKED, before);
}

static void report_unfinished(struct task *task, u64 nothing)
{
	call_report(task, RECORD_NORETURN, ~0ULL);
}

static void interrupt(struct task *task, u64 nothing)
{
	if (late_may_interrupt(task))
		ptrace(PTRACE_INTERRUPT, task->pid, 0, 0);
}

static void be_quiet(void)
{
	if (is_quiet)
		return;
	task_each(report_unfinished, 0);
	if (!is_filtered)
		task_each(interrupt, 0);
	is_quiet = true;
}

int stops_order(const struct order *order)
{
	switch (order ? order->kind : ORDER_QUIET) {
	case ORDER_COMMAND:
		is_filtered = order->value;
		return seize_command(order->pid, !is_filtered);
	case ORDER_FOLLOW:
		return seize_process(order->pid);
	case ORDER_BLOCKED:
		task_each(report, order->value);
		return 0;
	case ORDER_QUIET:
		be_quiet();
		return 0;
	}
	return EINVAL;
}
