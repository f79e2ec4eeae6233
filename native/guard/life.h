/* SPDX-License-Identifier: Apache-2.0 */
/* The life of guarded tasks, stop by stop (ptrace(2)). */
#ifndef FAULTIN_LIFE_H
#define FAULTIN_LIFE_H

#include <stdbool.h>

#include "../keeper/readers.h"
#include "calls.h"

/* What wait4() has said. */
void life_handle(s32 pid, int status);
/* The task that was let go last, if there is no other; or 0. */
s32 life_only(void);
/* Whether that has stopped again at a call, which is then seen to: quicker than wait4(). */
bool life_again(void);
/* A reader has done its job. */
void life_read(struct job *job);
/* Time has passed. */
void life_tick(void);
/* A task whose call is decided. */
void life_go_on(struct task *task, enum after after);

#endif
