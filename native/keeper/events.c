/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signal ends the wait for tasks. As it may come just before the wait begins, and then
 * ends nothing, whoever posts sends it again until the event was taken.
 */
#define _GNU_SOURCE
#include "events.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KICK SIGUSR1
#define AGAIN 1000000 /* ns */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* On the stack of the thread that posts it. */
struct posted {
	struct event event;
	int taken;
	struct posted *next;
};

static struct posted *first, **last = &first;
static pid_t tracer;

static void nothing(int number)
{
}

void events_begin(void)
{
	struct sigaction action = { .sa_handler = nothing };
	/* Whoever stops need not send what nobody hears. */
	struct sigaction quiet = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP };
	sigset_t kick;

	tracer = syscall(SYS_gettid);
	sigaction(KICK, &action, NULL); /* without SA_RESTART: it ends wait4() */
	sigaction(SIGCHLD, &quiet, NULL);
	sigemptyset(&kick);
	sigaddset(&kick, KICK);
	sigprocmask(SIG_UNBLOCK, &kick, NULL);
}

void events_post(enum event_kind kind, void *payload)
{
	struct posted posted = { .event = { kind, payload } };
	struct timespec again = { .tv_nsec = AGAIN };

	pthread_mutex_lock(&lock);
	__atomic_store_n(last, &posted, __ATOMIC_RELEASE);
	last = &posted.next;
	pthread_mutex_unlock(&lock);
	while (!__atomic_load_n(&posted.taken, __ATOMIC_ACQUIRE)) {
		syscall(SYS_tgkill, getpid(), tracer, KICK);
		syscall(SYS_futex, &posted.taken, FUTEX_WAIT_PRIVATE, 0, &again, NULL, 0);
	}
}

bool events_take(struct event *event)
{
	struct posted *posted;
	int *taken;

	if (!__atomic_load_n(&first, __ATOMIC_ACQUIRE))
		return false;
	pthread_mutex_lock(&lock);
	posted = first;
	first = posted->next;
	if (!first)
		last = &first;
	pthread_mutex_unlock(&lock);
	*event = posted->event;
	taken = &posted->taken;
	__atomic_store_n(taken, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, taken, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	return true;
}

void events_wait(void)
{
	struct timespec again = { .tv_nsec = 100 * AGAIN };

	if (!__atomic_load_n(&first, __ATOMIC_ACQUIRE))
		nanosleep(&again, NULL); /* a kick ends it */
}
