/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Engine `fentry`: what is absent at entry is read as the function of the system call
 * begins, by a program that may sleep.
 */
#include "core.bpf.h"
#include "faulting.bpf.h"
#include "events.bpf.h"

static __noinline int read_absent(void)
{
	return read_absent_inputs();
}

/* One program for all functions, where the kernel can attach it so; the section is
 * ours, as libbpf does not know the type. */
SEC("?faultin_enter")
int enter_multi(u64 *ctx)
{
	read_absent();
	return 0;
}

/* Elsewhere a program serves one function: slots, which the loader points at them. */
#define SLOT(n)                                  \
	SEC("?fentry.s") int enter_##n(u64 *ctx) \
	{                                        \
		read_absent();                   \
		return 0;                        \
	}
#define SLOTS8(n)                                                                               \
	SLOT(n##0) SLOT(n##1) SLOT(n##2) SLOT(n##3) SLOT(n##4) SLOT(n##5) SLOT(n##6) SLOT(n##7)
#define SLOTS64(n)                                                                      \
	SLOTS8(n##0) SLOTS8(n##1) SLOTS8(n##2) SLOTS8(n##3) SLOTS8(n##4) SLOTS8(n##5)   \
	SLOTS8(n##6) SLOTS8(n##7)
/* FUNCTIONS_MAX of them, numbered in octal: enter_000 to enter_377 */
SLOTS64(0)
SLOTS64(1)
SLOTS64(2)
SLOTS64(3)
