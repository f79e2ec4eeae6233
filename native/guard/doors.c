/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most doors the kernel itself keeps closed: the arena's pages are sealed (nothing writes
 * them, /proc/PID/mem included), its mapping is (mseal), a task has one tracer, a filter one
 * listener, and a Landlock domain keeps the programs out of processes that are not guarded.
 * Here are those that are left.
 */
#define _GNU_SOURCE
#include "doors.h"

#include <errno.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { IO_URING_SETUP = 425, IO_URING_REGISTER = 427, PIDFD_GETFD = 438 };

static bool overlaps(const struct task *task, u64 addr, u64 size)
{
	const struct arena *arena = task->guarded->arena;

	if (!arena || !size)
		return false;
	if (addr + size < addr)
		return true;
	return addr < arena->addr + ARENA_SIZE && addr + size > arena->addr;
}

/* Without mseal: what would take the arena's place, or its rights. */
static bool moves_arena(const struct task *task, const struct entered *call)
{
	const u64 *args = call->args;

	switch (call->nr) {
	case SYS_mmap:
		return args[3] & MAP_FIXED && overlaps(task, args[0], args[1]);
	case SYS_munmap:
	case SYS_mprotect:
	case SYS_pkey_mprotect:
	case SYS_remap_file_pages:
		return overlaps(task, args[0], args[1]);
	case SYS_mremap:
		return overlaps(task, args[0], args[1] ? args[1] : 1) ||
		       (args[3] & MREMAP_FIXED && overlaps(task, args[4], args[2]));
	case SYS_shmat:
		/* how large it is, nobody knows: anywhere below the arena is too near */
		return args[2] & SHM_REMAP && args[1] && task->guarded->arena &&
		       args[1] < task->guarded->arena->addr + ARENA_SIZE;
	}
	return false;
}

/* A process of the guarded tree; one that it sees under another number is of it, too, and
 * is refused all the same. */
static bool is_guarded(const struct task *task, s32 pid)
{
	return pid == task->tgid || task_find(pid);
}

/* The network would read the buffers later, when others are in their place. */
static bool sends_later(const struct entered *call)
{
	switch (call->nr) {
	case SYS_sendmsg:
		return call->args[2] & MSG_ZEROCOPY;
	case SYS_sendto:
	case SYS_sendmmsg:
		return call->args[3] & MSG_ZEROCOPY;
	}
	return false;
}

bool door_shares_files(u64 clone_flags)
{
	return (clone_flags & (CLONE_VM | CLONE_FILES)) == CLONE_FILES;
}

static s32 prctl_closed(const u64 *args)
{
	switch ((u32)args[0]) {
	case PR_SET_DUMPABLE: /* its memory could not be read any more */
		return args[1] ? 0 : EPERM;
	case PR_SET_MM: /* /proc/PID/exe would be what it likes, and brk() unmap what it likes */
		return EPERM;
	}
	return 0;
}

s32 door_closed(const struct task *task)
{
	const struct entered *call = &task->guarded->made;

	switch (call->nr) {
	case SYS_ptrace:
	case PIDFD_GETFD:
		return EPERM;
	case SYS_process_vm_writev:
		return is_guarded(task, call->args[0]) ? 0 : EPERM;
	case SYS_io_setup:
		return the_policy->io_uring ? 0 : ENOSYS;
	case SYS_clone:
		return door_shares_files(call->args[0]) ? EINVAL : 0;
	case SYS_prctl:
		return prctl_closed(call->args);
	case SYS_seccomp:
		/* Its word would count before the guard's: "continue" would be to pass it. */
		return (u32)call->args[0] == SECCOMP_SET_MODE_FILTER &&
		       call->args[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER ? EBUSY : 0;
	}
	if (call->nr >= IO_URING_SETUP && call->nr <= IO_URING_REGISTER)
		return the_policy->io_uring ? 0 : ENOSYS;
	if (sends_later(call))
		return EOPNOTSUPP;
	return !the_policy->has_mseal && moves_arena(task, call) ? EPERM : 0;
}
