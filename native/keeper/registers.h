/* SPDX-License-Identifier: Apache-2.0 */
/* Where a stopped task is, for those who walk its stack. */
#ifndef FAULTIN_REGISTERS_H
#define FAULTIN_REGISTERS_H

#include <linux/ptrace.h>

#include "tasks.h"

/* Of a task in a stop of a call. */
void registers_read(const struct task *task, const struct ptrace_syscall_info *info,
		    struct registers *found);

#endif
