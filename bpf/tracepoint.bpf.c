/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Engine `tracepoint`: what is absent at entry is read there, by a program that may sleep.
 *
 * The syscall tracepoints run under Tasks Trace RCU with faults allowed. The loader
 * marks the program as sleepable, as libbpf has no section name for that.
 */
#include "core.bpf.h"
#include "faulting.bpf.h"
#include "events.bpf.h"

SEC("tp_btf/sys_enter")
int read_absent(u64 *ctx)
{
	return is_unwanted(ctx[1]) || is_ruled_out((void *)ctx[0], ctx[1]) ? 0 : read_absent_inputs();
}
