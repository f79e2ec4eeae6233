/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in for the kernel where the functions that a query calls (bpf/texts.bpf.h) are
 * compiled for this machine. */
#ifndef FAULTIN_SHIM_H
#define FAULTIN_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "../../bpf/wire.h"

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define INLINED __attribute__((always_inline))
#define bounded(var) asm volatile("" : "+r"(var))

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

static __always_inline long loop(u32 times, long (*callback)(u64, void *), void *context)
{
	u32 i;

	for (i = 0; i < times; i++)
		if (callback(i, context))
			break;
	return i;
}
#define bpf_loop(times, callback, context, flags) \
	loop(times, (long (*)(u64, void *))(void *)(callback), context)

#endif
