/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "resolve.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

enum { OPENAT2 = 437 };

/* What openat2 refuses, and open and openat do not look at: fs/open.c, build_open_how(). */
#define OPEN_FLAGS                                                                               \
	(O_RDONLY | O_WRONLY | O_RDWR | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |       \
	 O_NDELAY | O_NONBLOCK | O_SYNC | O_DSYNC | O_ASYNC | O_DIRECT | 0100000 | O_DIRECTORY | \
	 O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE)
#define PATH_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)
enum { LARGE_FILE = 0100000 };

/* dfd, path, flags, mode of the three that open. */
static void open_arguments(const struct entered *call, u64 *args)
{
	bool has_folder = call->nr == SYS_openat, creates = call->nr == SYS_creat;

	args[0] = has_folder ? call->args[0] : (u64)AT_FDCWD;
	args[1] = call->args[has_folder];
	args[2] = creates ? O_CREAT | O_WRONLY | O_TRUNC : call->args[1 + has_folder];
	args[3] = creates ? call->args[1] : call->args[2 + has_folder];
}

enum copied resolve_open(struct guarded *guarded, u64 resolve)
{
	struct copying copying = { .room = &guarded->room };
	struct entered *sealed = &guarded->sealed;
	struct open_how *how;
	u64 args[4], at;

	if (sealed->nr == OPENAT2) {
		if (sealed->args[3] < sizeof(*how) || !sealed->args[2])
			return COPIED; /* the kernel refuses it */
		how = (void *)(guarded->room.base + (sealed->args[2] - guarded->room.addr));
		how->resolve |= resolve;
		return COPIED;
	}
	open_arguments(sealed, args);
	if (copy_nothing(&copying, sizeof(*how), &at))
		return COPY_BIG;
	how = (void *)(guarded->room.base + at);
	how->flags = args[2] & OPEN_FLAGS;
	how->flags &= how->flags & O_PATH ? PATH_FLAGS : ~0ULL;
	how->flags |= how->flags & O_PATH ? 0 : LARGE_FILE;
	how->mode = how->flags & O_CREAT || (how->flags & O_TMPFILE) == O_TMPFILE ? args[3] & 07777 : 0;
	how->resolve = resolve;
	*sealed = (struct entered){ OPENAT2, { args[0], args[1], guarded->room.addr + at, sizeof(*how) } };
	return COPIED;
}
