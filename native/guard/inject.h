/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that a stopped task makes for the guard: by the `syscall` instruction of its vDSO,
 * which is there before its first own instruction, and which no page has to be read for. It is
 * stopped as it enters and leaves them: single steps would be signals, which others can send
 * too, and which would reset how the program handles SIGTRAP where it blocks that.
 */
#ifndef FAULTIN_INJECT_H
#define FAULTIN_INJECT_H

#include <stdbool.h>
#include <sys/user.h>

#include "../../bpf/wire.h"

struct injection {
	s32 pid;
	struct user_regs_struct saved;
	u64 site;
	bool ended; /* the task has, with `status` */
	int status;
	u64 mask;     /* its signals: they are blocked, and come when all is done ... */
	bool stopped; /* ... but for SIGSTOP, which did come */
};

/* At the exit stop of an execve, or with the `site` of a former injection where a task has just
 * been born. False if that program has no vDSO. */
bool inject_begin(struct injection *injection, s32 pid, u64 site);
/* Has it make a call. `serve` is run while it may wait in there; NULL for nothing. Returns
 * what the call does: the guard's own calls fail with -ERESTARTSYS if SIGSTOP came. */
s64 inject_call(struct injection *injection, s64 nr, const u64 *args, void (*serve)(void *), void *context);
/* It is as it was, in its stop. */
void inject_end(struct injection *injection, s32 tgid);

#endif
