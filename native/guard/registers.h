/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of a stopped task, as a call has them. */
#ifndef FAULTIN_REGISTERS_H
#define FAULTIN_REGISTERS_H

#include "../keeper/tasks.h"

/* From what it is to what it shall be; only what differs is written. */
void registers_change(s32 pid, const struct entered *from, const struct entered *to);
/* At a seccomp stop: the call does not run, and returns `ret`. */
void registers_refuse(s32 pid, s64 ret);
/* At an exit stop. */
void registers_return(s32 pid, s64 ret);

#endif
