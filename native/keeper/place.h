/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the tracer runs. Waking it on another CPU than the task's can cost more than all
 * else that a stop does, so it shares the task's CPU while there is one task only:
 *
 * - it stays on that CPU, and is of policy SCHED_IDLE. A task that it lets go then takes
 *   the CPU from it at once, and the scheduler does not look for another one, as a CPU
 *   with nothing but SCHED_IDLE on it counts as idle. The task's own affinity is not
 *   touched.
 * - faultin's own threads, which have other work, are sent to the other CPUs meanwhile.
 * - such a tracer starves where other programs want the CPU: a thread looks after it.
 * - who may not leave SCHED_IDLE again does not enter it, and yields instead.
 */
#ifndef FAULTIN_PLACE_H
#define FAULTIN_PLACE_H

#include <stdbool.h>

#include "../../bpf/wire.h"

/* By the thread that traces, first of all. */
void place_begin(void);
/* Before it waits for stops: `pid` is the one task that there is, or 0. Returns whether
 * it is worth asking whether that has stopped again already. */
bool place_choose(s32 pid);
/* Whether it had. */
void place_found(bool stopped);

#endif
