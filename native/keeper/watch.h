/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that change what the tracer itself does, whether they are traced or not. */
#ifndef FAULTIN_WATCH_H
#define FAULTIN_WATCH_H

#include "tasks.h"

/* When a call begins, and when it has returned. */
void watch_enter(struct task *task, const struct entered *entered);
void watch_leave(struct task *task, s64 ret);
/* Tells if the program that a task has just become has lost its privilege to us. */
void watch_exec(const struct task *task);

#endif
