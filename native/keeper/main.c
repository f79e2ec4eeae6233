/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: the process that traces. It is small, and outlives faultin: a task whose
 * filter says "ask the tracer" gets ENOSYS where there is none, so that somebody has to
 * stay until the last of them has ended, however faultin ends.
 *
 *     keeper trace RING SIZE WAKE IMAGE CONTROL
 *     keeper assist LISTENER PENDING IMAGE COMMAND FAILURE
 *     keeper standby LISTENER PENDING LIFELINE
 *     keeper remote IMAGE
 *     keeper probe
 *
 * with file descriptors as numbers; `assist` and `standby` are the two that serve `faultin
 * assist`, `remote` only reads, for a faultin that traces otherwise, `probe` says what is missing. Its name is not faultin's, so that whoever kills that
 * by name does not take the tracer from under the command.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assist.h"
#include "control.h"
#include "detach.h"
#include "events.h"
#include "output.h"
#include "place.h"
#include "probe.h"
#include "remote.h"
#include "stops.h"

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

static int trace_main(char **words)
{
	events_begin();
	detach_from_user();
	if (output_open(atoi(words[0]), strtoull(words[1], NULL, 10), atoi(words[2])) ||
	    trace_open(atoi(words[3])))
		return 1;
	place_begin();
	if (control_begin(atoi(words[4])))
		return 1;
	trace();
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (argc == 2 && !strcmp(what, "probe"))
		return probe();
	if (argc == 3 && !strcmp(what, "remote"))
		return remote_main(argv + 2);
	if (argc == 7 && !strcmp(what, "assist"))
		return assist_main(argv + 2);
	if (argc == 5 && !strcmp(what, "standby")) {
		detach_from_user();
		return standby_main(argv + 2);
	}
	if (argc == 7 && !strcmp(what, "trace"))
		return trace_main(argv + 2);
	return 2;
}
