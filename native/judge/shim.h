/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in for the kernel where the functions that a query calls (bpf/texts.bpf.h) are
 * compiled for this machine. */
#ifndef FAULTIN_SHIM_H
#define FAULTIN_SHIM_H

#include "../plain.h"

/* Who calls, and when, is in the record. */
struct task_struct {
	s32 tgid, pid;
	char comm[16];
};

static __always_inline struct task_struct *bpf_get_current_task_btf(void)
{
	return NULL;
}

static __always_inline u64 bpf_ktime_get_ns(void)
{
	return 0;
}

extern const struct config faultin_config;
extern const struct plan faultin_plans[];
extern const u8 faultin_texts[];
extern const struct automaton faultin_automata[];

#endif
