/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "readers.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS 64
#define OF_ONE 4 /* of them for one process, at a time: others have theirs too */
#define STACK (64 << 10)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct job *waiting, **last = &waiting;
static s32 busy[THREADS]; /* the process that each thread reads, or 0 */
static u32 threads, idle;

static u32 readers_of(s32 tgid)
{
	u32 i, count = 0;

	for (i = 0; i < threads; i++)
		count += busy[i] == tgid;
	return count;
}

/* The first job of a process that has not got its share. */
static struct job *take(void)
{
	struct job **at, *job;

	for (at = &waiting; (job = *at); at = &job->next)
		if (readers_of(job->tgid) < OF_ONE) {
			*at = job->next;
			if (!*at)
				last = at;
			return job;
		}
	return NULL;
}

static void *serve(void *context)
{
	s32 *mine = context;
	struct job *job;

	pthread_mutex_lock(&lock);
	for (;;) {
		while (!(job = take())) {
			idle++;
			pthread_cond_wait(&more, &lock);
			idle--;
		}
		*mine = job->tgid;
		pthread_mutex_unlock(&lock);
		job->run(job);
		pthread_mutex_lock(&lock);
		*mine = 0;
		pthread_cond_signal(&more);
	}
	return NULL;
}

static void start_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	if (threads == THREADS)
		return;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (!pthread_create(&thread, &attributes, serve, &busy[threads]))
		threads++;
	pthread_attr_destroy(&attributes);
}

void readers_run(struct job *job)
{
	pthread_mutex_lock(&lock);
	*last = job;
	last = &job->next;
	if (!idle)
		start_thread();
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
}
