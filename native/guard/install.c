/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "install.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject.h"

#define PATIENCE 20 /* ms between looks whether the task was killed */
#define TRIES 1000
#define HUGEST (1ULL << 30)

enum { ERESTARTSYS = 512, MSEAL = 462 };

static int listener = -1;

struct handing {
	const struct task *task;
	int fd;
};

int install_listener(s32 pid, int fd)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0), error;

	if (pidfd < 0)
		return errno;
	listener = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	error = listener < 0 ? errno : 0;
	close(pidfd);
	return error;
}

/* It has neither ended nor stopped. */
static bool is_inside(s32 pid)
{
	siginfo_t info = { .si_pid = 0 };

	return !waitid(P_PID, pid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) && !info.si_pid;
}

static void refuse(u64 id, s32 error)
{
	struct seccomp_notif_resp refusal = { .id = id, .error = error };

	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &refusal);
}

/* commit 0ae71c7720e3 ("seccomp: Support atomic \"addfd + send reply\"") (in v5.14) */
static void hand_over(const struct seccomp_notif *call, int fd)
{
	struct seccomp_notif_addfd hand = { .id = call->id, .flags = SECCOMP_ADDFD_FLAG_SEND,
					    .srcfd = fd, .newfd_flags = O_CLOEXEC };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &hand) < 0)
		refuse(call->id, -ENOMEM); /* which the call returns */
}

/* Nobody but the guard knows what makes a call wait there; should one of the programs have
 * found out (/proc/PID/syscall shows the arguments of a call), it gets nothing for it. */
static void serve(void *context)
{
	const struct handing *handing = context;
	struct seccomp_notif call;
	struct pollfd look = { .fd = listener, .events = POLLIN };

	do {
		if (poll(&look, 1, PATIENCE) != 1 || !(look.revents & POLLIN))
			continue;
		memset(&call, 0, sizeof(call));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
			continue;
		if ((s32)call.pid == handing->task->pid) {
			hand_over(&call, handing->fd);
			return;
		}
		refuse(call.id, -ENOSYS);
	} while (is_inside(handing->task->pid));
}

/* The descriptor of the arena in the task; SIGSTOP may get in between. */
static s64 ask_for_arena(struct injection *injection, struct handing *handing)
{
	const u64 ask[6] = { the_policy->secret, the_policy->secret2 };
	u32 tries = TRIES;
	s64 fd;

	do {
		fd = inject_call(injection, SYS_getpgrp, ask, serve, handing);
	} while (fd == -ERESTARTSYS && --tries);
	return fd;
}

/* Free, at a multiple of the largest pages. What doors.c looks at is how much a program asks for,
 * and of huge pages the kernel takes more: whole ones, which end where the arena begins. */
static u64 aligned_place(struct injection *injection)
{
	const u64 flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, size = ARENA_SIZE + HUGEST;
	s64 addr = inject_call(injection, SYS_mmap, (const u64[6]){ 0, size, PROT_NONE, flags, -1, 0 },
			       NULL, NULL);

	if (addr < 0 && addr > -4096)
		return HUGEST; /* not free, or it is: what comes of it is looked at */
	inject_call(injection, SYS_munmap, (const u64[6]){ addr, size }, NULL, NULL);
	return (addr + HUGEST - 1) & ~(HUGEST - 1);
}

static bool map_arena(struct injection *injection, const struct task *task, struct arena *arena)
{
	struct handing handing = { task, arena->fd };
	s64 fd = ask_for_arena(injection, &handing), addr, error = 0;
	u64 place;

	if (fd < 0)
		return false;
	place = the_policy->has_mseal ? 0 : aligned_place(injection);
	addr = inject_call(injection, SYS_mmap,
			   (const u64[6]){ place, ARENA_SIZE, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, 0 },
			   NULL, NULL);
	if (inject_call(injection, SYS_close, (const u64[6]){ fd }, NULL, NULL))
		return false;
	if ((addr < 0 && addr > -4096) || (place && addr != (s64)place))
		return false;
	/* A child gets its own, so that nobody reads the inputs of another process. */
	error = inject_call(injection, SYS_madvise, (const u64[6]){ addr, ARENA_SIZE, MADV_DONTFORK },
			    NULL, NULL);
	if (!error && the_policy->has_mseal)
		error = inject_call(injection, MSEAL, (const u64[6]){ addr, ARENA_SIZE }, NULL, NULL);
	arena->addr = addr;
	return !error;
}

bool install_arena(struct task *task, bool *ended, int *status)
{
	struct arena *arena = arena_new();
	struct injection injection;
	bool mapped = false;

	*ended = false;
	if (!arena)
		return false;
	if (inject_begin(&injection, task->pid, task->guarded->site)) {
		task->guarded->site = injection.site;
		mapped = map_arena(&injection, task, arena);
		inject_end(&injection, task->tgid);
		*ended = injection.ended;
		*status = injection.status;
	}
	if (!mapped) {
		arena_leave(arena);
		return false;
	}
	close(arena->fd); /* the mapping stays */
	arena->fd = -1;
	task->guarded->arena = arena;
	return true;
}
