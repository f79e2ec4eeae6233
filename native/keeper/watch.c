/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "watch.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "output.h"

/* arch/x86/entry/syscalls/syscall_32.tbl */
enum { I386_PTRACE = 26, I386_CLONE = 120, I386_PRCTL = 172, CLONE3 = 435 };

#ifdef __x86_64__
static unsigned long flags_register(const struct task *task)
{
	return task->narrow ? offsetof(struct user_regs_struct, rbx) :
			      offsetof(struct user_regs_struct, rdi);
}

static bool set_flags_register(const struct task *task, u64 value)
{
	return !ptrace(PTRACE_POKEUSER, task->pid, flags_register(task), value);
}
#else
static bool set_flags_register(const struct task *task, u64 value)
{
	return false;
}
#endif

static bool write_flags(const struct task *task, u64 addr, u64 value)
{
	struct iovec here = { &value, sizeof(value) }, there = { (void *)addr, sizeof(value) };

	return process_vm_writev(task->pid, &here, 1, &there, 1, 0) == sizeof(value);
}

static bool read_flags(const struct task *task, u64 addr, u64 *value)
{
	memory_begin(task->space, task->pid);
	return !memory_read(value, sizeof(*value), addr);
}

/* A child that asks to be left untraced would be left to a filter without a tracer, which
 * fails its calls: it is traced like the others. */
static enum watched keep_traced(struct task *task, const struct entered *entered, bool in_memory)
{
	u64 flags = entered->args[0];

	if (in_memory && !read_flags(task, entered->args[0], &flags))
		return WATCH_NOTHING;
	if (!(flags & CLONE_UNTRACED))
		return WATCH_NOTHING;
	if (in_memory) {
		task->untraced = entered->args[0];
		return write_flags(task, task->untraced, flags & ~(u64)CLONE_UNTRACED) ?
			       WATCH_UNTRACED_MEMORY : WATCH_NOTHING;
	}
	task->untraced = flags;
	return set_flags_register(task, flags & ~(u64)CLONE_UNTRACED) ? WATCH_UNTRACED_ARG : WATCH_NOTHING;
}

void watch_enter(struct task *task, const struct entered *entered)
{
	s64 nr = entered->nr;

	task->watched = WATCH_NOTHING;
	if (nr == (task->narrow ? I386_PRCTL : SYS_prctl) && entered->args[0] == PR_SET_NAME)
		task->watched = WATCH_NAME;
	else if (nr == (task->narrow ? I386_PTRACE : SYS_ptrace))
		task->watched = WATCH_PTRACE;
	else if (nr == (task->narrow ? I386_CLONE : SYS_clone))
		task->watched = keep_traced(task, entered, false);
	else if (nr == CLONE3)
		task->watched = keep_traced(task, entered, true);
}

static void note_ptrace(const struct task *task, s64 ret)
{
	struct keeper_page *page = the_output.page;

	if (ret != -EPERM || page->notices & NOTICE_PTRACE)
		return;
	page->pid = task->tgid;
	__atomic_or_fetch(&page->notices, NOTICE_PTRACE, __ATOMIC_RELEASE);
}

void watch_leave(struct task *task, s64 ret)
{
	u64 flags;

	switch (task->watched) {
	case WATCH_NAME:
		task_name(task, true);
		break;
	case WATCH_PTRACE:
		note_ptrace(task, ret);
		break;
	case WATCH_UNTRACED_ARG:
		set_flags_register(task, task->untraced);
		break;
	case WATCH_UNTRACED_MEMORY:
		if (read_flags(task, task->untraced, &flags))
			write_flags(task, task->untraced, flags | CLONE_UNTRACED);
		break;
	case WATCH_NOTHING:
		break;
	}
	task->watched = WATCH_NOTHING;
}

static bool may_trace_privileged(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	return !syscall(SYS_capget, &header, data) && data[0].effective >> CAP_SYS_PTRACE & 1;
}

void watch_exec(const struct task *task)
{
	struct keeper_page *page = the_output.page;
	char link[32];
	struct stat st;
	ssize_t size;

	if (page->notices & NOTICE_PRIVILEGE || may_trace_privileged())
		return;
	snprintf(link, sizeof(link), "/proc/%d/exe", task->pid);
	if (stat(link, &st))
		return;
	if (!(st.st_mode & S_ISUID && st.st_uid != geteuid()) &&
	    !((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getegid()) &&
	    getxattr(link, "security.capability", NULL, 0) <= 0)
		return;
	size = readlink(link, page->path, sizeof(page->path) - 1);
	page->path[size > 0 ? size : 0] = 0;
	__atomic_or_fetch(&page->notices, NOTICE_PRIVILEGE, __ATOMIC_RELEASE);
}
