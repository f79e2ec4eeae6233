/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAULTIN_SEALED_H
#define FAULTIN_SEALED_H

#include "arena.h"

/* From here on, what keeper/memory.h reads is this room. */
void sealed_begin(const struct room *room);

#endif
