/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that could get around the guard, whatever the policy says of them. */
#ifndef FAULTIN_DOORS_H
#define FAULTIN_DOORS_H

#include "guarded.h"

/* The errno with which a call is denied; 0 if it is harmless. */
s32 door_closed(const struct task *task);

#endif
