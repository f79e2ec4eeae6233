/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "assist.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "notify.h"

/* What the supervisor had received, and may not have answered. */
static void answer_pending(int listener, const struct pending *pending)
{
	u32 i;

	notify_continue(listener, pending->received.id);
	for (i = 0; i < PENDING_MAX; i++)
		if (pending->answering[i])
			notify_continue(listener, pending->answering[i]);
}

int standby_main(char **words)
{
	int listener = atoi(words[0]);
	struct pending *pending = notify_pending(atoi(words[1]));
	struct seccomp_notif call;
	char byte;

	if (!pending)
		return 1;
	/* Nobody writes to it: it ends with the supervisor. */
	while (read(atoi(words[2]), &byte, 1) < 0 && errno == EINTR)
		;
	answer_pending(listener, pending);
	while (notify_wait(listener))
		if (!notify_receive(listener, &call))
			notify_continue(listener, call.id);
	return 0;
}
