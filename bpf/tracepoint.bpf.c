/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Engine `tracepoint`: the syscall tracepoints, in programs that may sleep.
 *
 * The tracepoints run under Tasks Trace RCU with faults allowed, so that all
 * inputs are read at entry, whether they are present or not, and all outputs at
 * exit. The loader marks the programs as sleepable: libbpf has no section name.
 * commit "bpf: Add sleepable support for raw tracepoint programs" (in v7.2)
 */
#define FAULTS 1
#include "probe.bpf.h"
#include "scan.bpf.h"
#include "tasks.bpf.h"

SEC("tp_btf/sys_enter")
int sys_enter(u64 *ctx)
{
	if (is_unwanted(ctx[1]))
		return 0;
	return enter(bpf_get_current_task_btf(), (void *)ctx[0], ctx[1]);
}

SEC("tp_btf/sys_exit")
int sys_exit(u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];

	if (is_unwanted(syscall_number(regs)))
		return 0;
	return leave(bpf_get_current_task_btf(), regs, ctx[1]);
}
