/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "probe.h"

#include <sys/ptrace.h> /* before linux/ptrace.h */

#include <errno.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *try_on(pid_t child)
{
	struct iovec here, there;
	struct ptrace_syscall_info info;
	static char word[4] = "yes", read[4];

	if (ptrace(PTRACE_SEIZE, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP))
		return "PTRACE_SEIZE";
	if (ptrace(PTRACE_INTERRUPT, child, 0, 0) || waitpid(child, NULL, __WALL) != child)
		return "PTRACE_INTERRUPT";
	/* commit 201766a20e30 ("ptrace: add PTRACE_GET_SYSCALL_INFO request") (in v5.3) */
	if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) <= 0)
		return "PTRACE_GET_SYSCALL_INFO";
	here = (struct iovec){ read, sizeof(read) };
	there = (struct iovec){ word, sizeof(word) };
	if (process_vm_readv(child, &here, 1, &there, 1, 0) != sizeof(read))
		return "process_vm_readv";
	return NULL;
}

int probe(void)
{
	const char *failed;
	int error;
	pid_t child = fork();

	if (!child)
		for (;;)
			pause();
	failed = child < 0 ? "fork" : try_on(child);
	error = errno;
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, __WALL);
	}
	if (failed)
		printf("%s fails: %s\n", failed, strerror(error));
	return !!failed;
}
