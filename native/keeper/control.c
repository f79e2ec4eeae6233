/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "control.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>

#include "events.h"

static int control;

/* The next order comes only when this one was answered. */
static void *listen_for_orders(void *nothing)
{
	struct order order;
	ssize_t size;

	for (;;) {
		size = recv(control, &order, sizeof(order), 0);
		if (size == sizeof(order))
			events_post(EVENT_ORDER, &order);
		else if (size >= 0 || errno != EINTR)
			break;
	}
	events_post(EVENT_ORDER, NULL);
	return NULL;
}

int control_begin(int fd)
{
	pthread_t thread;

	control = fd;
	return pthread_create(&thread, NULL, listen_for_orders, NULL);
}

void control_answer(int error)
{
	/* Whoever asked may have gone: then the thread above says so. */
	send(control, &error, sizeof(error), MSG_NOSIGNAL);
}
