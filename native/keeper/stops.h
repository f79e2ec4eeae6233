/* SPDX-License-Identifier: Apache-2.0 */
/* The life of traced tasks, stop by stop (ptrace(2)). */
#ifndef FAULTIN_STOPS_H
#define FAULTIN_STOPS_H

#include <stdbool.h>

#include "readers.h"
#include "shared.h"

/* What wait4() has said. */
void stops_handle(s32 pid, int status);
/* The task that was let go last, if there is no other; or 0. */
s32 stops_only(void);
/* Whether that has stopped again at a call, which is then seen to: quicker than wait4(). */
bool stops_again(void);
/* The faults that a stopped task waits for were taken. */
void stops_read(struct job *job);
/* Carries out an order: 0, or an errno. */
int stops_order(const struct order *order);

#endif
