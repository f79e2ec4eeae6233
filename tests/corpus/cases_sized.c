/* SPDX-License-Identifier: Apache-2.0 */
/* Structures that come with their size: open_how, clone_args, perf_event_attr and the like. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

static void *in_how(const struct open_how *how)
{
	return in_json("how", how, sizeof(*how), "{'flags': 'O_RDWR|O_CREAT|O_CLOEXEC', 'mode': '0600', "
		       "'resolve': 'RESOLVE_NO_SYMLINKS|RESOLVE_BENEATH'}");
}

static void open_how(void)
{
	struct open_how how = {.flags = O_RDWR | O_CREAT | O_CLOEXEC, .mode = 0600,
			       .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH};
	long fd;

	begin("openat2");
	arg_size("usize", sizeof(how));
	fd = CALL(openat2, AT_FDCWD, in_path("filename", DATA_FILE), in_how(&how), sizeof(how));
	works();
	close((int)fd);

	begin("openat2_missing");
	CALL(openat2, AT_FDCWD, in_path("filename", "missing-dir/missing-how"), in_how(&how), sizeof(how));
	fails(ENOENT);

	begin("openat2_resolve_refused");
	how.resolve = 1UL << 40;
	CALL(openat2, AT_FDCWD, in_path("filename", "never-read-by-the-kernel"),
	     in_json("how", &how, sizeof(how), "{'flags': 'O_RDWR|O_CREAT|O_CLOEXEC', 'mode': '0600'}"), sizeof(how));
	fails(EINVAL);
}

static void *in_clone_args(const struct clone_args *args, const char *flags)
{
	return in_json("uargs", args, sizeof(*args), "{'flags': '%s', 'parent_tid': '0x%llx', "
		       "'exit_signal': {'$any': ['SIGCHLD', %d]}}", flags, (unsigned long long)args->parent_tid, SIGCHLD);
}

static void clone_fails(void)
{
	struct clone_args args = {.flags = CLONE_THREAD, .parent_tid = 0x1234, .exit_signal = SIGCHLD};

	begin("clone3_flags_refused");
	arg_size("size", sizeof(args));
	CALL(clone3, in_clone_args(&args, "CLONE_THREAD"), sizeof(args));
	fails(EINVAL);

	begin("clone3_size_refused");
	arg_size("size", 7);
	CALL(clone3, place("uargs", &args, sizeof(args)), 7);
	fails(EINVAL);
}

/* The child comes back from the call as well, and only ends. */
static void clone_forks(void)
{
	struct clone_args args = {.flags = CLONE_PARENT_SETTID, .exit_signal = SIGCHLD};
	long child;

	begin("clone3_fork");
	args.parent_tid = (uintptr_t)room("uargs.parent_tid", sizeof(pid_t));
	child = CALL(clone3, in_clone_args(&args, "CLONE_PARENT_SETTID"), sizeof(args));
	if (child == 0)
		_exit(0);
	works();
	if (waitpid((pid_t)child, NULL, 0) != child)
		die("the child of clone3 is lost");
}

static void perf(void)
{
	struct perf_event_attr attr = {.type = 0xfffe, .size = PERF_ATTR_SIZE_VER0, .config = 0x123, .disabled = 1};

	begin("perf_event_open");
	arg_int("pid", -1);
	arg_int("group_fd", -1);
	CALL(perf_event_open,
	     in_json("attr_uptr", &attr, PERF_ATTR_SIZE_VER0, "{'type': {'$any': ['0xfffe', 65534]}, 'size': %d, 'config': %d}",
		     PERF_ATTR_SIZE_VER0, 0x123), -1, -1, -1, 0);
}

void cases_sized(void)
{
	open_how();
	clone_fails();
	clone_forks();
	perf();
}
