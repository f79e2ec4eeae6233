/* SPDX-License-Identifier: Apache-2.0 */
/* Those beside the task that a hostile page stalls: they do ordinary work. */
#ifndef HOSTILE_OTHERS_H
#define HOSTILE_OTHERS_H

/* Starts a thread and a child process. As soon as the calling thread sleeps, each calls
 * access("/hostile/thread/N") or access("/hostile/child/N") for N in 0 .. calls-1. */
void others_start(long calls);

/* Waits for both. */
void others_wait(void);

#endif
