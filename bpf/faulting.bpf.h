/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The capture code once more, for programs that may sleep: the same, with the faults
 * taken, and what it reads straight into a record where the strategy says so. */
#ifndef FAULTIN_FAULTING_BPF_H
#define FAULTIN_FAULTING_BPF_H

#include "nofault.bpf.h"
#include "state.bpf.h"

#define FAULTS 1
#define read_user faulting_read_user
#define read_user_string faulting_read_user_string
#define read_pointer faulting_read_pointer
#define read_iovec faulting_read_iovec
#define capture faulting_capture
#define capture_string faulting_capture_string
#define capture_range faulting_capture_range
#define capture_asked faulting_capture_asked
#define next_string faulting_next_string
#define next_iovec faulting_next_iovec
#define capture_iovec faulting_capture_iovec
#define capture_message faulting_capture_message
#define next_message faulting_next_message
#define term faulting_term
#define next_stack_page faulting_next_stack_page
#define capture_stack faulting_capture_stack
#define perform faulting_perform
#define run_some faulting_run_some
#define run_all faulting_run_all
#include "read.bpf.h"
#include "direct.bpf.h"
#include "capture.bpf.h"
#undef read_user
#undef read_user_string
#undef read_pointer
#undef read_iovec
#undef capture
#undef capture_string
#undef capture_range
#undef capture_asked
#undef next_string
#undef next_iovec
#undef capture_iovec
#undef capture_message
#undef next_message
#undef term
#undef next_stack_page
#undef capture_stack
#undef perform
#undef run_some
#undef run_all
#undef FAULTS

/* As the call begins, behind the program that has read what was present: the rest is
 * read with its faults taken. If this program cannot run, because the same one is
 * waiting in a fault on this CPU, the rest is read after the call, as ever. */
static __always_inline int read_absent_inputs(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = state_of(task);
	const struct plan *plan;

	if (!state || state->phase != PHASE_CALL || !state->record.missed ||
	    state->record.flags & (RECORD_SETTLED | RECORD_LATE))
		return 0;
	plan = plan_at(state->record.plan);
	if (!plan)
		return 0;
	state->phase = PHASE_READ;
	faulting_run_all(state, plan->inputs, state->record.missed, HOW_ENTRY);
	learn_stack_end(state);
	state->record.flags |= RECORD_SETTLED;
	note_killed(state, task);
	state->phase = faultin_config.judges && !decide(state) ? PHASE_REJECTED : PHASE_CALL;
	return 0;
}

#endif
