/* SPDX-License-Identifier: Apache-2.0 */
/* How tasks come to be traced. Both return 0, or an errno. */
#ifndef FAULTIN_SEIZE_H
#define FAULTIN_SEIZE_H

#include <stdbool.h>

#include "shared.h"

/* The command, before its first execve. stops: every call of it is to stop. */
int seize_command(s32 pid, bool stops);
/* A running process, with all its threads. */
int seize_process(s32 pid);

#endif
