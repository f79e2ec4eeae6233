/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: the process that traces. It is small, and outlives faultin: a task whose
 * filter says "ask the tracer" gets ENOSYS where there is none, so that somebody has to
 * stay until the last of them has ended, however faultin ends.
 *
 *     keeper trace RING SIZE WAKE IMAGE CONTROL
 *     keeper probe
 *
 * with file descriptors as numbers; `probe` says what is missing. Its name is not faultin's, so that whoever kills that
 * by name does not take the tracer from under the command.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control.h"
#include "events.h"
#include "output.h"
#include "place.h"
#include "probe.h"
#include "stops.h"

static const int ignored[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGTTIN, SIGTTOU,
			       SIGPIPE, SIGALRM, SIGUSR2, SIGXFSZ };

/* What faultin's terminal and shell do to it is not for us. */
static void detach_from_user(void)
{
	struct rlimit files;
	u32 i;

	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	for (i = 0; i < 3; i++)
		close(i);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (chdir("/"))
		return; /* then its folder stays in use */
}

/* Returns whether nobody gives orders any more. */
static bool handle(const struct event *event)
{
	int error;

	if (event->kind == EVENT_READ) {
		stops_read(event->payload);
		return false;
	}
	error = stops_order(event->payload);
	if (event->payload)
		control_answer(error);
	return !event->payload;
}

static void trace(void)
{
	bool alone = false;
	struct event event;
	int status;
	s32 pid;

	while (!alone || task_count) {
		while (events_take(&event))
			alone |= handle(&event);
		if (place_choose(stops_only())) {
			bool stopped = stops_again();

			place_found(stopped);
			if (stopped)
				continue;
		}
		pid = wait4(-1, &status, __WALL, NULL);
		if (pid > 0)
			stops_handle(pid, status);
		else if (errno == ECHILD)
			events_wait();
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "probe"))
		return probe();
	if (argc != 7 || strcmp(argv[1], "trace"))
		return 2;
	events_begin();
	detach_from_user();
	if (output_open(atoi(argv[2]), strtoull(argv[3], NULL, 10), atoi(argv[4])) || trace_open(atoi(argv[5])))
		return 1;
	place_begin();
	if (control_begin(atoi(argv[6])))
		return 1;
	trace();
	return 0;
}
