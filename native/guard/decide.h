/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy says of a call whose inputs are sealed. */
#ifndef FAULTIN_DECIDE_H
#define FAULTIN_DECIDE_H

#include "guarded.h"

enum decided {
	DECIDED, /* guarded->decision, and *resolve */
	DECIDE_ASK, /* faultin has to say */
};

/* By the rules, up to the first whose condition only faultin can tell. */
enum decided decide(struct task *task, u64 *resolve);
/* As faultin has said: by this step, or by none. */
void decide_told(struct task *task, u32 step, u64 *resolve);
/* By the guard itself. */
void decide_denied(struct task *task, enum why why, s32 error);

#endif
