/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "limits.h"

#include <pthread.h>
#include <unistd.h>

#include "../keeper/events.h"
#include "../keeper/output.h"
#include "copy.h"
#include "policy.h"

#define TURN_US 50000
#define SPARE 500000000ULL /* ns: pages are known to be present when the guard reads them */

static int waiting;

void limits_wait(int more)
{
	__atomic_fetch_add(&waiting, more, __ATOMIC_RELAXED);
}

static void *tick(void *nothing)
{
	for (;;) {
		usleep(TURN_US);
		if (__atomic_load_n(&waiting, __ATOMIC_RELAXED) > 0)
			events_post(EVENT_TICK, NULL);
	}
	return NULL;
}

/* A page that was there when it was looked for, and is gone when it is read, and does not
 * come back: no accident. The guard ends, and with it all that it guards. */
static void *look_after(void *nothing)
{
	u64 since;

	for (;;) {
		usleep(TURN_US);
		since = copy_since();
		if (!since || now() - since < the_policy->read_ms * 1000000ULL + SPARE)
			continue;
		__atomic_or_fetch(&the_output.page->notices, NOTICE_STALLED, __ATOMIC_RELEASE);
		_exit(1);
	}
	return NULL;
}

int limits_begin(void)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, tick, NULL);

	return error ? error : pthread_create(&thread, NULL, look_after, NULL);
}
