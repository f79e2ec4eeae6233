/* SPDX-License-Identifier: Apache-2.0 */
/* Signal sets, actions and infos. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

/* The kernel's own structure, which is not the C library's. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static uint64_t bit(int signal)
{
	return 1UL << (signal - 1);
}

#define IGNORE_JSON "{'sa_flags': 'SA_NODEFER|SA_RESTART', 'sa_mask': ['SIGHUP', 'SIGUSR1']}"

static void actions(void)
{
	struct kernel_sigaction ignore = {SIG_IGN, SA_RESTART | SA_NODEFER, NULL, bit(SIGHUP) | bit(SIGUSR1)};
	struct kernel_sigaction *old;

	begin("rt_sigaction_set");
	arg_json("sig", "'SIGUSR2'");
	CALL(rt_sigaction, SIGUSR2, in_json("act", &ignore, sizeof(ignore), IGNORE_JSON), 0, 8);
	is_null("oact");
	works();

	begin("rt_sigaction_get");
	old = room("oact", sizeof(*old));
	CALL(rt_sigaction, SIGUSR2, 0, old, 8);
	is_null("act");
	works();
	got_json("oact", IGNORE_JSON);

	begin("rt_sigaction_refused");
	CALL(rt_sigaction, SIGKILL, in_json("act", &ignore, sizeof(ignore), IGNORE_JSON),
	     room("oact", sizeof(*old)), 8);
	is_unset("oact");
	fails(EINVAL);

	begin("rt_sigaction_size_refused");
	CALL(rt_sigaction, SIGUSR2, place("act", &ignore, sizeof(ignore)), 0, 3);
	fails(EINVAL);
	signal(SIGUSR2, SIG_DFL);
}

static void masks(void)
{
	uint64_t block = bit(SIGUSR1) | bit(SIGWINCH), none = 0, *old;

	begin("rt_sigprocmask_block");
	arg_json("how", "'SIG_BLOCK'");
	CALL(rt_sigprocmask, SIG_BLOCK, in_json("nset", &block, 8, "['SIGUSR1', 'SIGWINCH']"), 0, 8);
	is_null("oset");
	works();

	begin("rt_sigprocmask_get");
	old = room("oset", 8);
	CALL(rt_sigprocmask, SIG_BLOCK, 0, old, 8);
	is_null("nset");
	works();
	got_json("oset", "['SIGUSR1', 'SIGWINCH']");

	begin("rt_sigprocmask_swap");
	old = room("oset", 8);
	CALL(rt_sigprocmask, SIG_SETMASK, in_json("nset", &none, 8, "[]"), old, 8);
	works();
	got_json("oset", "['SIGUSR1', 'SIGWINCH']");

	begin("rt_sigprocmask_refused");
	CALL(rt_sigprocmask, 99, in_json("nset", &block, 8, "['SIGUSR1', 'SIGWINCH']"), room("oset", 8), 8);
	is_unset("oset");
	fails(EINVAL);
}

static void waiting(void)
{
	uint64_t wanted = bit(SIGUSR1);
	struct timespec short_time = {0, 1};

	begin("rt_sigpending");
	CALL(rt_sigpending, room("uset", 8), 8);
	works();
	got_json("uset", "[]");

	begin("rt_sigtimedwait_timeout");
	CALL(rt_sigtimedwait, in_json("uthese", &wanted, 8, "['SIGUSR1']"), room("uinfo", sizeof(siginfo_t)),
	     in_json("uts", &short_time, sizeof(short_time), "{'tv_sec': 0, 'tv_nsec': 1}"), 8);
	is_unset("uinfo");
	fails(EAGAIN);

	begin("signalfd4_bad_fd");
	arg_json("flags", "'SFD_CLOEXEC'");
	CALL(signalfd4, BAD_FD, in_json("user_mask", &wanted, 8, "['SIGUSR1']"), 8, 02000000);
	fails(EBADF);
}

/* A signal to oneself, blocked, and then taken. */
static void queued(void)
{
	uint64_t wanted = bit(SIGUSR1), old;
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE}, *got;

	info.si_pid = getpid();
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &wanted, &old, 8);
	begin("rt_sigqueueinfo");
	CALL(rt_sigqueueinfo, getpid(), SIGUSR1,
	     in_json("uinfo", &info, sizeof(info), "{'si_signo': 'SIGUSR1', 'si_code': {'$any': ['SI_QUEUE', -1]}}"));
	works();

	begin("rt_sigtimedwait_taken");
	got = room("uinfo", sizeof(*got));
	CALL(rt_sigtimedwait, in_json("uthese", &wanted, 8, "['SIGUSR1']"), got, 0, 8);
	works();
	got_json("uinfo", "{'si_signo': 'SIGUSR1', 'si_code': {'$any': ['SI_QUEUE', -1]}}");
	is_null("uts");
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
}

static void stacks(void)
{
	stack_t *old;

	begin("sigaltstack");
	old = room("uoss", sizeof(*old));
	CALL(sigaltstack, 0, old);
	is_null("uss");
	works();
	got_json("uoss", "{'ss_size': %zu}", old->ss_size);
}

void cases_signal(void)
{
	actions();
	masks();
	waiting();
	queued();
	stacks();
}
