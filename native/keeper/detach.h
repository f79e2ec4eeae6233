/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAULTIN_DETACH_H
#define FAULTIN_DETACH_H

/* What faultin's terminal and shell do to it is not for us: signals, streams, the folder. */
void detach_from_user(void);

#endif
