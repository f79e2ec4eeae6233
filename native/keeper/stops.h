/* SPDX-License-Identifier: Apache-2.0 */
/* The life of traced tasks, stop by stop (ptrace(2)). */
#ifndef FAULTIN_STOPS_H
#define FAULTIN_STOPS_H

#include <linux/ptrace.h>
#include <stdbool.h>

#include "readers.h"
#include "shared.h"

/* What wait4() has said. */
void stops_handle(s32 pid, int status);
/* A stop at a call that is known already. */
void stops_at_call(struct task *task, const struct ptrace_syscall_info *info);
/* The faults that a stopped task waits for were taken. */
void stops_read(struct job *job);
/* Carries out an order: 0, or an errno. */
int stops_order(const struct order *order);

#endif
