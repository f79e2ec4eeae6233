/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "registers.h"

#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>

static const unsigned long places[6] = {
	offsetof(struct user_regs_struct, rdi), offsetof(struct user_regs_struct, rsi),
	offsetof(struct user_regs_struct, rdx), offsetof(struct user_regs_struct, r10),
	offsetof(struct user_regs_struct, r8),  offsetof(struct user_regs_struct, r9),
};

static void set(s32 pid, unsigned long place, u64 value)
{
	/* Not if it was killed meanwhile. */
	ptrace(PTRACE_POKEUSER, pid, place, value);
}

void registers_change(s32 pid, const struct entered *from, const struct entered *to)
{
	u32 i;

	for (i = 0; i < 6; i++)
		if (from->args[i] != to->args[i])
			set(pid, places[i], to->args[i]);
	if (from->nr != to->nr)
		set(pid, offsetof(struct user_regs_struct, orig_rax), to->nr);
}

void registers_refuse(s32 pid, s64 ret)
{
	set(pid, offsetof(struct user_regs_struct, orig_rax), -1);
	registers_return(pid, ret);
}

void registers_return(s32 pid, s64 ret)
{
	set(pid, offsetof(struct user_regs_struct, rax), ret);
}
