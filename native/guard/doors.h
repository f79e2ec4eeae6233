/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that could get around the guard, whatever the policy says of them. */
#ifndef FAULTIN_DOORS_H
#define FAULTIN_DOORS_H

#include "guarded.h"

/* The errno with which a call is denied; 0 if it is harmless. */
s32 door_closed(const struct task *task);

/* The same of clone's flags: another process could change the descriptors of a new one while
 * its arena is handed over. */
bool door_shares_files(u64 clone_flags);

#endif
