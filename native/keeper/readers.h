/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that take the faults of stopped tasks. A page may hold one of them up for ever:
 * it never holds up the tracer, nor the tasks of other processes. */
#ifndef FAULTIN_READERS_H
#define FAULTIN_READERS_H

#include "capture.h"
#include "events.h"

struct job {
	void (*run)(struct job *job); /* by a reader */
	s32 pid; /* the task */
	s32 tgid;
	bool forgotten; /* its task has ended meanwhile */
	u32 count; /* of what call_absent() says */
	u32 reached; /* of the ranges could be read */
	struct range ranges[ABSENTS];
	struct job *next;
};

/* Has a job run, when it is the turn of its process. */
void readers_run(struct job *job);
/* Has call_absent() read; EVENT_READ comes with the job when that is done. NULL without memory. */
struct job *readers_read(struct task *task);

#endif
