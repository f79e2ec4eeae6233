/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Engine `deferred` with user events beside the system calls. */
#include "core.bpf.h"
#include "events.bpf.h"
