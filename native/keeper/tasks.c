/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture.h"
#include "output.h"

#define BUCKETS 1024
#define NAME_LASTS 100000000 /* ns for which a name is believed */

u32 task_count;
static struct task *buckets[BUCKETS];

static struct task **bucket(s32 pid)
{
	return &buckets[(u32)pid % BUCKETS];
}

struct task *task_find(s32 pid)
{
	struct task *task = *bucket(pid);

	while (task && task->pid != pid)
		task = task->next;
	return task;
}

static void link_in(struct task *task)
{
	struct task **head = bucket(task->pid);

	task->next = *head;
	*head = task;
}

static void unlink_from(struct task *task)
{
	struct task **at = bucket(task->pid);

	while (*at != task)
		at = &(*at)->next;
	*at = task->next;
}

struct task *task_add(s32 pid, s32 tgid)
{
	struct task *task = calloc(1, sizeof(*task));

	if (!task)
		return NULL;
	task->pid = pid;
	task->tgid = tgid;
	task->inside = -1;
	task->state = call_state();
	task->space = space_of(tgid);
	if (!task->state || !task->space) {
		free(task->state);
		space_leave(task->space);
		free(task);
		return NULL;
	}
	link_in(task);
	task_count++;
	return task;
}

void task_rename(struct task *task, s32 pid)
{
	unlink_from(task);
	task->pid = pid;
	link_in(task);
}

void task_remove(struct task *task)
{
	unlink_from(task);
	space_leave(task->space);
	free(task->state);
	free(task);
	task_count--;
}

void task_each(void (*visit)(struct task *task, u64 value), u64 value)
{
	struct task *task, *next;
	int i;

	for (i = 0; i < BUCKETS; i++)
		for (task = buckets[i]; task; task = next) {
			next = task->next;
			visit(task, value);
		}
}

static bool is_in_group(s32 pid, s32 tgid)
{
	return !syscall(SYS_tgkill, tgid, pid, 0) || errno == EPERM;
}

/* Works without /proc. A thread's process is one that is traced already. */
s32 task_group(s32 pid)
{
	struct task *task;
	int i;

	if (is_in_group(pid, pid))
		return pid;
	for (i = 0; i < BUCKETS; i++)
		for (task = buckets[i]; task; task = task->next)
			if (task->pid == task->tgid && is_in_group(pid, task->tgid))
				return task->tgid;
	return pid;
}

void task_name(struct task *task, bool anyway)
{
	char path[48], name[16];
	u64 time = now();
	ssize_t size;
	int fd;

	if (!anyway && time - task->comm_at < NAME_LASTS)
		return;
	task->comm_at = time;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", task->tgid, task->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	size = read(fd, name, sizeof(name));
	close(fd);
	if (size <= 0)
		return;
	memset(task->comm, 0, sizeof(task->comm));
	memcpy(task->comm, name, size - 1);
}
