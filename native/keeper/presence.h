/* SPDX-License-Identifier: Apache-2.0 */
/* Whether memory of another process is present: whether reading it takes a fault. */
#ifndef FAULTIN_PRESENCE_H
#define FAULTIN_PRESENCE_H

#include <stdbool.h>

#include "../../bpf/wire.h"

/* What is known of a process's memory. */
struct space;

/* That of process `tgid`, for one more user; NULL without memory. */
struct space *space_of(s32 tgid);
void space_leave(struct space *space);
/* The process has a new memory, by execve. */
void space_renew(struct space *space);
/* Of one or two pages of task `pid`; `space` may be NULL, where it is not known. */
bool presence_of(struct space *space, s32 pid, u64 addr, u32 size);
/* Of any number of pages, as they are now: nothing that was seen before counts. Where nobody
 * can say, they are absent. */
bool presence_now(struct space *space, s32 pid, u64 addr, u64 size);

#endif
