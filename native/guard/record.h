/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a call: made by the capture code of bpf/ from sealed memory. */
#ifndef FAULTIN_RECORD_H
#define FAULTIN_RECORD_H

#include "guarded.h"

/* Begins the record of guarded->passed. */
void record_begin(struct task *task);
/* The plan of the call; NULL where nobody has one. */
const struct plan *record_plan(const struct task *task);
u32 record_plan_index(const struct task *task);
/* What the inputs are, as they were sealed. */
void record_inputs(struct task *task);
/* Nothing is known of the inputs. */
void record_nothing(struct task *task);
/* Which of the task's calls it is. */
u32 record_seq(const struct task *task);
/* Sends it, for faultin to decide. */
void record_ask(struct task *task);
/* Sends it with the decision, and what the call returned. */
void record_end(struct task *task, s64 ret);
/* ... and that it never will. */
void record_never(struct task *task);
/* The image of a successful execve is a new one. */
void record_execed(struct task *task);
/* The value of a word of the record: registers, pid; for decide.c. */
const struct record *record_of(const struct task *task);

#endif
