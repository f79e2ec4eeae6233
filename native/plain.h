/* SPDX-License-Identifier: Apache-2.0 */
/* What the code of bpf/ needs of any compiler, where it is compiled for this machine. */
#ifndef FAULTIN_PLAIN_H
#define FAULTIN_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "../bpf/wire.h"

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define INLINED __attribute__((always_inline))
#define bounded(var) asm volatile("" : "+r"(var))

/* The callbacks take pointers of their own types. */
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
