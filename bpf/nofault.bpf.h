/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The capture code for programs that may not sleep: what is absent, is missed. */
#ifndef FAULTIN_NOFAULT_BPF_H
#define FAULTIN_NOFAULT_BPF_H

#include "piece.bpf.h"
#include "query.bpf.h"

#define FAULTS 0
#include "read.bpf.h"
#include "capture.bpf.h"
#undef FAULTS

#endif
