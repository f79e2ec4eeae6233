/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing that a guarded program does holds the guard up for longer than it allows. */
#ifndef FAULTIN_LIMITS_H
#define FAULTIN_LIMITS_H

#include "../../bpf/wire.h"

/* Starts what looks after the guard. Returns 0, or an errno. */
int limits_begin(void);
/* So many tasks wait for something that may not come: EVENT_TICK comes as long as there are. */
void limits_wait(int more);

#endif
