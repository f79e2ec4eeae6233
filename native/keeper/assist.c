/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each notified call waits while its inputs are read, as its plan describes them, which
 * makes them present for whatever looks at them on the way into the call; then it goes on.
 * What is present is looked at here; the faults of the rest are taken by readers, so that a
 * page that never comes stalls only calls of the process that passed it.
 *
 * This process is the command's parent, as Yama lets nobody but an ancestor read.
 */
#define _GNU_SOURCE
#include "assist.h"

#include <errno.h>
#include <linux/audit.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture.h"
#include "notify.h"
#include "output.h"
#include "readers.h"

static int listener;
static struct pending *pending;
static pid_t command;

struct touch {
	struct job job;
	u64 id;
	u32 place; /* in pending->answering */
	bool narrow;
	struct entered entered;
};

static void touch(struct job *job)
{
	struct touch *touch = (struct touch *)job;

	call_touch(job->pid, touch->narrow, &touch->entered, true);
	notify_continue(listener, touch->id);
	__atomic_store_n(&pending->answering[touch->place], 0, __ATOMIC_RELEASE);
	free(touch);
}

/* The process of a thread, for the share that it has in the readers; where there is no
 * /proc, each thread has a share. */
static s32 group_of(s32 pid)
{
	char path[32], line[64];
	s32 group = pid;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = fopen(path, "re");
	if (!status)
		return pid;
	while (fgets(line, sizeof(line), status))
		if (sscanf(line, "Tgid: %d", &group) == 1)
			break;
	fclose(status);
	return group;
}

/* A place for an id that a reader will hold; PENDING_MAX if there is none. */
static u32 free_place(void)
{
	static u32 next;
	u32 i;

	for (i = 0; i < PENDING_MAX; i++) {
		u32 place = (next + i) % PENDING_MAX;

		if (!__atomic_load_n(&pending->answering[place], __ATOMIC_ACQUIRE)) {
			next = place + 1;
			return place;
		}
	}
	return PENDING_MAX;
}

/* Whether a reader has been asked to. */
static bool hand_over(const struct seccomp_notif *call, bool narrow, const struct entered *entered)
{
	u32 place = free_place();
	struct touch *made = place < PENDING_MAX ? calloc(1, sizeof(*made)) : NULL;

	if (!made)
		return false;
	made->job.run = touch;
	made->job.pid = call->pid;
	made->job.tgid = group_of(call->pid);
	made->id = call->id;
	made->place = place;
	made->narrow = narrow;
	made->entered = *entered;
	__atomic_store_n(&pending->answering[place], call->id, __ATOMIC_RELEASE);
	readers_run(&made->job);
	return true;
}

static void serve(const struct seccomp_notif *call)
{
	bool narrow = call->data.arch == AUDIT_ARCH_I386;
	struct entered entered = { .nr = call->data.nr };

	memcpy(entered.args, call->data.args, sizeof(entered.args));
	/* Where too much is held up already, a call is better let go unread than kept. */
	if (call_touch(call->pid, narrow, &entered, false) || !hand_over(call, narrow, &entered))
		notify_continue(listener, call->id);
}

static void *supervise(void *nothing)
{
	do
		while (!notify_receive(listener, &pending->received))
			serve(&pending->received);
	while (notify_wait(listener));
	return NULL;
}

/* The command's child says why it could not become it: an errno, in digits. */
static void *tell_failure(void *context)
{
	char text[16] = "";

	if (read(*(int *)context, text, sizeof(text) - 1) > 0)
		fprintf(stderr, "faultin: the command cannot be run: %s\n", strerror(atoi(text)));
	return NULL;
}

static void pass_on(int number)
{
	kill(command, number);
}

/* What a terminal sends goes to the command too, which is to decide. */
static void heed_signals(void)
{
	struct sigaction passing = { .sa_handler = pass_on, .sa_flags = SA_RESTART };

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	sigaction(SIGTERM, &passing, NULL);
	sigaction(SIGHUP, &passing, NULL);
}

static int end_like(int status)
{
	struct rlimit none = { 0, 0 };
	int number = WTERMSIG(status);

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (number != SIGKILL) {
		setrlimit(RLIMIT_CORE, &none);
		signal(number, SIG_DFL);
		raise(number);
	}
	return 128 + number;
}

int assist_main(char **words)
{
	static int failure;
	pthread_t supervising, telling;
	int status;
	pid_t pid;

	listener = atoi(words[0]);
	pending = notify_pending(atoi(words[1]));
	command = atoi(words[3]);
	failure = atoi(words[4]);
	if (!pending || trace_open(atoi(words[2]))) {
		fprintf(stderr, "faultin: its memory cannot be mapped: %s\n", strerror(errno));
		return 1;
	}
	heed_signals();
	notify_begin(listener);
	/* Orphans stay descendants, so that they can be read. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (pthread_create(&supervising, NULL, supervise, NULL) ||
	    pthread_create(&telling, NULL, tell_failure, &failure)) {
		fprintf(stderr, "faultin: no thread can be started: %s\n", strerror(errno));
		return 1;
	}
	do
		pid = waitpid(-1, &status, __WALL);
	while (pid != command && (pid > 0 || errno == EINTR));
	pthread_join(telling, NULL); /* a command that cannot be run may end before that is told */
	return pid == command ? end_like(status) : 1;
}
