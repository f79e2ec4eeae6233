/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "seize.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>

#include "capture.h"
#include "output.h"

#define OPTIONS                                                                                    \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
	 PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)

static struct task *seize(s32 pid, s32 tgid)
{
	struct task *task;

	if (ptrace(PTRACE_SEIZE, pid, 0, OPTIONS))
		return NULL;
	task = task_add(pid, tgid);
	if (!task)
		return NULL;
	the_output.page->shared.live++;
	task_name(task, true);
	return task;
}

int seize_command(s32 pid, bool stops)
{
	struct task *task = seize(pid, pid);

	if (!task)
		return errno;
	call_arm(task);
	if (stops && ptrace(PTRACE_INTERRUPT, pid, 0, 0))
		return errno;
	return 0;
}

/* The threads that are not traced yet. Returns how many were seized, or -1. */
static int seize_threads(s32 pid)
{
	struct dirent *entry;
	char path[32];
	int count = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	folder = opendir(path);
	if (!folder)
		return -1;
	while ((entry = readdir(folder))) {
		s32 tid = atoi(entry->d_name);
		struct task *task;

		if (tid <= 0 || task_find(tid))
			continue;
		task = seize(tid, pid);
		if (!task && errno == ESRCH)
			continue; /* it has ended */
		if (!task) {
			closedir(folder);
			return -1;
		}
		task->attached = true;
		ptrace(PTRACE_INTERRUPT, tid, 0, 0);
		count++;
	}
	closedir(folder);
	return count;
}

/* Until no new one is found: a thread that began meanwhile may not have been seen. */
int seize_process(s32 pid)
{
	int count;

	do {
		count = seize_threads(pid);
		if (count < 0)
			return errno;
	} while (count);
	return task_find(pid) ? 0 : ESRCH;
}
