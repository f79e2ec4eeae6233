/* SPDX-License-Identifier: Apache-2.0 */
/* The listener of a seccomp filter: what is waiting there, and the one answer that is ever
 * given (seccomp_unotify(2)). */
#ifndef FAULTIN_NOTIFY_H
#define FAULTIN_NOTIFY_H

#include <linux/seccomp.h>
#include <stdbool.h>

#include "../../bpf/wire.h"

/* What the supervisor has received and not answered, in memory that it shares with its
 * standby: that answers it, should the supervisor die over it. */
#define PENDING_MAX 1024
struct pending {
	struct seccomp_notif received; /* the kernel itself writes here */
	u64 answering[PENDING_MAX];    /* ids that a reader holds, or 0 */
};

/* Maps it. NULL with errno set. */
struct pending *notify_pending(int fd);
/* Asks the kernel to wake the two sides on one CPU, where it can (v6.6 and later). */
void notify_begin(int listener);
/* Waits for a call. False once nobody has the filter any more. */
bool notify_wait(int listener);
/* The next call, waited for. Returns 0, or -1 if its task was killed meanwhile. */
int notify_receive(int listener, struct seccomp_notif *call);
/* Lets the call go on. */
void notify_continue(int listener, u64 id);

#endif
