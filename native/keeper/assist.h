/* SPDX-License-Identifier: Apache-2.0 */
/* `faultin assist`: the supervisor of a command's filter, and who stands by for it. */
#ifndef FAULTIN_ASSIST_H
#define FAULTIN_ASSIST_H

/* LISTENER PENDING IMAGE COMMAND FAILURE: supervises until the command has ended, and ends
 * as it did. */
int assist_main(char **words);
/* LISTENER PENDING LIFELINE: waits until the supervisor has gone, then lets every call go
 * on, as long as anybody has the filter. */
int standby_main(char **words);

#endif
