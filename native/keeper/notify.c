/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "notify.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

/* commit 48a1084a8b74 ("seccomp: add the synchronous mode for seccomp_unotify") (in v6.6) */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

struct pending *notify_pending(int fd)
{
	void *memory = mmap(NULL, sizeof(struct pending), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void notify_begin(int listener)
{
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP))
		return; /* an older kernel: it is slower there */
}

/* commit 99cdb8b9a573 ("seccomp: notify about unused filter") (in v5.9) is what tells the
 * end. */
bool notify_wait(int listener)
{
	struct pollfd look = { .fd = listener, .events = POLLIN };

	return poll(&look, 1, -1) < 1 || !(look.revents & POLLHUP);
}

int notify_receive(int listener, struct seccomp_notif *call)
{
	memset(call, 0, sizeof(*call)); /* the kernel insists */
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, call);
}

/* ENOENT: its task was killed meanwhile. */
void notify_continue(int listener, u64 id)
{
	struct seccomp_notif_resp answer = { .id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

	while (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) && errno == EINTR)
		;
}
