/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "late.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

/* include/linux/errno.h: how the kernel marks calls that it will start again */
enum { ERESTARTSYS = 512, ERESTARTNOINTR = 513, ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516 };
enum { CS_32BIT = 0x23 }; /* arch/x86/include/asm/segment.h: __USER32_CS */

#ifdef __x86_64__
bool late_call(struct task *task, struct entered *entered)
{
	struct user_regs_struct regs;
	s64 ret;

	if (ptrace(PTRACE_GETREGS, task->pid, 0, &regs))
		return false;
	ret = regs.rax;
	if ((s64)regs.orig_rax < 0)
		return false;
	if (ret != -ERESTARTSYS && ret != -ERESTARTNOINTR && ret != -ERESTARTNOHAND &&
	    ret != -ERESTART_RESTARTBLOCK)
		return false;
	task->narrow = regs.cs == CS_32BIT;
	entered->nr = regs.orig_rax;
	if (task->narrow)
		*entered = (struct entered){ entered->nr, { (u32)regs.rbx, (u32)regs.rcx, (u32)regs.rdx,
							    (u32)regs.rsi, (u32)regs.rdi, (u32)regs.rbp } };
	else
		*entered = (struct entered){ entered->nr, { regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8,
							    regs.r9 } };
	entered->registers = (struct registers){ regs.rip, regs.rsp, regs.rbp, regs.rbx,
						 regs.r12, regs.r13, regs.r14, regs.r15 };
	return true;
}
#else
/* The registers do not tell the number of the call. */
bool late_call(struct task *task, struct entered *entered)
{
	return false;
}
#endif

/* Those that block longest, and start again whatever stops them. Others may return EINTR
 * (signal(7), "Interruption of system calls by stop signals"): such a task is let go at
 * its next stop. */
static bool starts_again(s64 nr)
{
	switch (nr) {
	case SYS_clock_nanosleep:
	case SYS_nanosleep:
	case SYS_wait4:
	case SYS_waitid:
	case SYS_futex:
	case SYS_ppoll:
	case SYS_pselect6:
#ifdef __x86_64__
	case SYS_poll:
	case SYS_select:
	case SYS_pause:
#endif
	case SYS_restart_syscall:
		return true;
	}
	return false;
}

bool late_may_interrupt(const struct task *task)
{
	return task->inside < 0 || (!task->narrow && starts_again(task->inside));
}
