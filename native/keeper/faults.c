/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers do for the tracer of a trace: they take the faults of what a call's
 * capture found absent. */
#define _GNU_SOURCE
#include "readers.h"

#include <stdlib.h>

static void take_faults(struct job *job)
{
	u32 i;

	for (i = 0; i < job->count; i++)
		job->reached += memory_fault_in(job->pid, job->ranges[i].addr, job->ranges[i].size);
	events_post(EVENT_READ, job);
}

struct job *readers_read(struct task *task)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->run = take_faults;
	job->pid = task->pid;
	job->tgid = task->tgid;
	job->count = call_absent(task, job->ranges);
	readers_run(job);
	return job;
}
