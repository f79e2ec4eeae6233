/* SPDX-License-Identifier: Apache-2.0 */
/* What other threads have for the one that traces, which mostly waits in wait4(). */
#ifndef FAULTIN_EVENTS_H
#define FAULTIN_EVENTS_H

#include <stdbool.h>

enum event_kind {
	EVENT_READ,  /* a job of readers.h is done */
	EVENT_ORDER, /* a message of faultin's (control.h) */
	EVENT_TICK,  /* time has passed (native/guard/limits.h) */
};

struct event {
	enum event_kind kind;
	void *payload;
};

/* By the thread that traces, first of all. */
void events_begin(void);
/* By any other thread: returns once the event was taken. */
void events_post(enum event_kind kind, void *payload);
/* The oldest event, if there is one. */
bool events_take(struct event *event);
/* Waits for one, where no task can be waited for. */
void events_wait(void);

#endif
