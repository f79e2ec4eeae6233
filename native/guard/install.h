/* SPDX-License-Identifier: Apache-2.0 */
/* A new program, and a new process, get their arena before their first instruction. */
#ifndef FAULTIN_INSTALL_H
#define FAULTIN_INSTALL_H

#include "guarded.h"

/* The listener of the command's filter is its descriptor `fd`: through it the arena's own
 * descriptors are handed over. Returns 0, or an errno. */
int install_listener(s32 pid, int fd);
/* At the exit stop of a successful execve, or the first stop of a process. Whether it has one now; *ended: it was killed
 * meanwhile, with this status. */
bool install_arena(struct task *task, bool *ended, int *status);

#endif
