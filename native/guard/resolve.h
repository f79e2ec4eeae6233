/* SPDX-License-Identifier: Apache-2.0 */
/* Opens that follow no links, or do not leave a folder, as a rule asks for. */
#ifndef FAULTIN_RESOLVE_H
#define FAULTIN_RESOLVE_H

#include "copy.h"
#include "guarded.h"

/* The open of a sealed path as openat2 with these RESOLVE_*, in the same room. */
enum copied resolve_open(struct guarded *guarded, u64 resolve);

#endif
