/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new task and the word of whose child it is come in any order. It stands still until both
 * have come: then it is known whether its memory is its parent's, with the arena, or a copy,
 * without one, as that is not copied (guarded->fresh).
 */
#ifndef FAULTIN_BIRTHS_H
#define FAULTIN_BIRTHS_H

#include "guarded.h"

/* A new task of the guard's, that does nothing; NULL without memory. */
struct task *guarded_add(s32 pid, s32 tgid);
void guarded_remove(struct task *task);

/* Task `pid` (NULL: it is not known) stops. Whether it can go on. */
bool birth_stop(s32 pid, struct task *task);
/* Its parent's stop tells of a child. Returns it if that can go on now, else NULL. */
struct task *birth_told(const struct task *parent);
/* Nobody has told of it for long: its parent was killed before it could, and it is. */
void birth_late(struct task *task, u64 time);

#endif
