/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <sys/ptrace.h> /* before linux/ptrace.h */

#include "registers.h"

#include <sys/user.h>

void registers_read(const struct task *task, const struct ptrace_syscall_info *info,
		    struct registers *found)
{
	*found = (struct registers){ .ip = info->instruction_pointer, .sp = info->stack_pointer };
#ifdef __x86_64__
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, task->pid, 0, &regs))
		return;
	found->bp = regs.rbp;
	found->bx = regs.rbx;
	found->r12 = regs.r12;
	found->r13 = regs.r13;
	found->r14 = regs.r14;
	found->r15 = regs.r15;
#endif
}
