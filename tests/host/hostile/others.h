/* SPDX-License-Identifier: Apache-2.0 */
/* Those beside the task that a hostile page stalls: they do ordinary work. */
#ifndef HOSTILE_OTHERS_H
#define HOSTILE_OTHERS_H

/* Stays on the first of the CPUs that there are, or on the last. */
void stay_on(int last);

/* Starts a thread, on the first CPU, and a child process, on the last. As soon as the calling thread sleeps, each calls
 * access("/hostile/thread/N") or access("/hostile/child/N") for N in 0 .. calls-1. */
void others_start(long calls);

/* Waits for both. */
void others_wait(void);

#endif
