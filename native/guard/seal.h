/* SPDX-License-Identifier: Apache-2.0 */
/* The inputs of a call are copied, and the call is pointed at the copies. */
#ifndef FAULTIN_SEAL_H
#define FAULTIN_SEAL_H

#include "copy.h"
#include "guarded.h"

/* Makes guarded->sealed of guarded->passed, in guarded->room. On COPY_ABSENT nothing has
 * come of it yet, and `absent` says what somebody has to touch first. */
enum copied seal_call(struct task *task, const struct plan *plan, struct range *absent);
/* Of a sealed clone3. */
u64 seal_clone_flags(const struct guarded *guarded);

#endif
