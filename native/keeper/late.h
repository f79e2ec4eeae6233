/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that a stop of our own making interrupts, as tracing begins or ends. */
#ifndef FAULTIN_LATE_H
#define FAULTIN_LATE_H

#include "tasks.h"

/* The call that a task was in when it was stopped, if the kernel will start it again. */
bool late_call(struct task *task, struct entered *entered);
/* Whether a task can be stopped without its program seeing an EINTR. */
bool late_may_interrupt(const struct task *task);

#endif
