/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Engine `deferred`: plain tracepoints, which may not take a fault.
 *
 * Inputs are read nofault at entry. What was absent is read again at exit, by
 * when the syscall itself has mostly faulted it in; what is absent even then,
 * by task work in the task's own context, where faults may be taken. An exec
 * that succeeds takes the old memory away: there the kernel's own copy serves.
 */
#include "probe.bpf.h"
#include "scan.bpf.h"
#include "tasks.bpf.h"
#include "exec.bpf.h"

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
