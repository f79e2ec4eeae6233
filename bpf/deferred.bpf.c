/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Engine `deferred`: plain tracepoints alone. */
#include "core.bpf.h"
