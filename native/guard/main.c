/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard: the process that stops the guarded calls, seals what they are given, and decides.
 *
 *     guard RING SIZE WAKE IMAGE POLICY CONTROL
 *
 * with file descriptors as numbers. Should it end, however that comes, the kernel kills all
 * that it guards (PTRACE_O_EXITKILL); should faultin end, the guard does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../keeper/control.h"
#include "../keeper/detach.h"
#include "../keeper/events.h"
#include "../keeper/output.h"
#include "../keeper/place.h"
#include "../keeper/tasks.h"
#include "life.h"
#include "limits.h"
#include "orders.h"

static void obey(const struct order *order)
{
	int error;

	if (!order) /* nobody gives orders any more */
		_exit(1);
	error = orders_obey(order);
	if (order->kind != ORDER_DECIDE)
		control_answer(error);
}

static void handle(const struct event *event)
{
	switch (event->kind) {
	case EVENT_READ:
		life_read(event->payload);
		break;
	case EVENT_ORDER:
		obey(event->payload);
		break;
	case EVENT_TICK:
		life_tick();
		break;
	}
}

static void guard(void)
{
	struct event event;
	int status;
	s32 pid;

	for (;;) {
		while (events_take(&event))
			handle(&event);
		if (place_choose(life_only())) {
			bool stopped = life_again();

			place_found(stopped);
			if (stopped)
				continue;
		}
		pid = wait4(-1, &status, __WALL, NULL);
		if (pid > 0)
			life_handle(pid, status);
		else if (errno == ECHILD)
			events_wait();
	}
}

int main(int argc, char **argv)
{
	if (argc != 7)
		return 2;
	/* Nobody of the same user looks into it, or writes there. */
	prctl(PR_SET_DUMPABLE, 0);
	events_begin();
	detach_from_user();
	if (output_open(atoi(argv[1]), strtoull(argv[2], NULL, 10), atoi(argv[3])) ||
	    trace_open(atoi(argv[4])) || policy_open(atoi(argv[5])))
		return 1;
	place_begin();
	if (limits_begin() || control_begin(atoi(argv[6])))
		return 1;
	guard();
}
