/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <sys/ptrace.h> /* before linux/ptrace.h */

#include "orders.h"

#include <errno.h>

#include "births.h"
#include "install.h"
#include "life.h"

#define OPTIONS                                                                                     \
	(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | \
	 PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)

static int guard_command(s32 pid)
{
	struct task *task;

	if (ptrace(PTRACE_SEIZE, pid, 0, OPTIONS))
		return errno;
	task = guarded_add(pid, pid);
	if (!task)
		return ENOMEM;
	task->guarded->doing = DOING_START;
	return 0;
}

static void decided(s32 pid, u32 seq, u32 step)
{
	struct task *task = task_find(pid);

	if (task)
		life_go_on(task, call_told(task, seq, step));
}

int orders_obey(const struct order *order)
{
	switch (order->kind) {
	case ORDER_GUARD:
		return guard_command(order->pid);
	case ORDER_LISTEN:
		return install_listener(order->pid, order->value);
	case ORDER_DECIDE:
		decided(order->pid, order->value, order->value >> 32);
		return 0;
	}
	return EINVAL;
}
