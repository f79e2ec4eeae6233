/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "inject.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../keeper/output.h" /* now() */

#define VDSO_BYTES 8192
#define WORDS 256
#define PAGE 4096
#define SOON 50000 /* ns */

static const u8 instruction[2] = { 0x0f, 0x05 };

static bool read_words(s32 pid, u64 addr, void *to, u64 size)
{
	struct iovec here = { to, size }, there = { (void *)addr, size };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* The place behind the next NULL. */
static u64 behind_null(s32 pid, u64 at)
{
	u64 words[WORDS];
	u32 i, count;

	for (;; at += 8 * count) {
		count = (PAGE - at % PAGE) / 8;
		count = count < WORDS ? count : WORDS;
		if (!read_words(pid, at, words, 8 * count))
			return 0;
		for (i = 0; i < count; i++)
			if (!words[i])
				return at + 8 * (i + 1);
	}
}

/* What execve leaves on the stack: argc, argv, NULL, envp, NULL, pairs. */
static u64 vdso_of(s32 pid, u64 stack)
{
	u64 pair[2], at = behind_null(pid, stack + 8);

	at = at ? behind_null(pid, at) : 0;
	for (; at; at += sizeof(pair)) {
		if (!read_words(pid, at, pair, sizeof(pair)) || pair[0] == AT_NULL)
			return 0;
		if (pair[0] == AT_SYSINFO_EHDR)
			return pair[1];
	}
	return 0;
}

/* The same image is in every process. */
static u64 offset_in_vdso(void)
{
	static u64 found;
	u64 vdso = getauxval(AT_SYSINFO_EHDR);
	const u8 *at;

	if (!found && vdso) {
		at = memmem((const void *)vdso, VDSO_BYTES, instruction, sizeof(instruction));
		found = at ? (u64)at - vdso : 0;
	}
	return found;
}

bool inject_begin(struct injection *injection, s32 pid, u64 site)
{
	u64 vdso, all = ~0ULL;
	u8 bytes[2];

	*injection = (struct injection){ .pid = pid, .site = site };
	if (ptrace(PTRACE_GETREGS, pid, 0, &injection->saved) || !offset_in_vdso())
		return false;
	if (!site) {
		vdso = vdso_of(pid, injection->saved.rsp);
		injection->site = vdso ? vdso + offset_in_vdso() : 0;
	}
	if (!injection->site || !read_words(pid, injection->site, bytes, sizeof(bytes)) ||
	    memcmp(bytes, instruction, sizeof(bytes)))
		return false;
	return !ptrace(PTRACE_GETSIGMASK, pid, sizeof(injection->mask), &injection->mask) &&
	       !ptrace(PTRACE_SETSIGMASK, pid, sizeof(all), &all);
}

/* A step takes less time than to fall asleep and be woken on another CPU. */
static s32 wait_for(s32 pid, int *status)
{
	u64 until = now() + SOON;
	s32 found;

	do {
		found = wait4(pid, status, __WALL | WNOHANG, NULL);
	} while (!found && now() < until);
	return found ? found : wait4(pid, status, __WALL, NULL);
}

/* Until it enters a call, or leaves it. What else can stop it: SIGSTOP, which nothing blocks,
 * and events of no interest. */
static bool wait_for_call(struct injection *injection)
{
	int status;

	for (;;) {
		if (wait_for(injection->pid, &status) < 0) {
			if (errno == EINTR)
				continue;
			return false;
		}
		if (!WIFSTOPPED(status)) {
			injection->ended = true;
			injection->status = status;
			return false;
		}
		if (status >> 8 == (SIGTRAP | 0x80))
			return true;
		injection->stopped |= status >> 8 == SIGSTOP;
		ptrace(PTRACE_SYSCALL, injection->pid, 0, 0);
	}
}

static bool next_stop(struct injection *injection, void (*serve)(void *), void *context)
{
	if (ptrace(PTRACE_SYSCALL, injection->pid, 0, 0))
		return false;
	if (serve)
		serve(context);
	return wait_for_call(injection);
}

s64 inject_call(struct injection *injection, s64 nr, const u64 *args, void (*serve)(void *), void *context)
{
	struct user_regs_struct regs = injection->saved;

	if (injection->ended)
		return -ESRCH;
	regs.rip = injection->site;
	regs.rax = nr;
	regs.orig_rax = -1;
	regs.rdi = args[0];
	regs.rsi = args[1];
	regs.rdx = args[2];
	regs.r10 = args[3];
	regs.r8 = args[4];
	regs.r9 = args[5];
	if (ptrace(PTRACE_SETREGS, injection->pid, 0, &regs) || !next_stop(injection, NULL, NULL) ||
	    !next_stop(injection, serve, context) || ptrace(PTRACE_GETREGS, injection->pid, 0, &regs))
		return -ESRCH;
	return regs.rax;
}

void inject_end(struct injection *injection, s32 tgid)
{
	if (injection->ended)
		return;
	ptrace(PTRACE_SETREGS, injection->pid, 0, &injection->saved);
	ptrace(PTRACE_SETSIGMASK, injection->pid, sizeof(injection->mask), &injection->mask);
	if (injection->stopped)
		syscall(SYS_tgkill, tgid, injection->pid, SIGSTOP);
}
