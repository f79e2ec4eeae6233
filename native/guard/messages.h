/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sendmmsg writes into the messages that it reads, which so cannot be sealed. It may send
 * fewer than it was given: it is made into sendmsg of the first, and what is left the program
 * sends again.
 */
#ifndef FAULTIN_MESSAGES_H
#define FAULTIN_MESSAGES_H

#include "guarded.h"

/* Makes guarded->passed of guarded->made. */
void messages_one(struct guarded *guarded);
/* At its exit stop: what sendmmsg returns where sendmsg has returned `ret`. */
s64 messages_sent(struct task *task, s64 ret);

#endif
