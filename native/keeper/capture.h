/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of traced tasks become records: the capture code of bpf/, compiled natively.
 * It reads what is present. What is absent it names, for a reader to take the faults of
 * while the task stays stopped; then it reads once more.
 */
#ifndef FAULTIN_CAPTURE_H
#define FAULTIN_CAPTURE_H

#include "memory.h"
#include "tasks.h"

#define ABSENTS 16 /* ABSENT_MAX of bpf/task.bpf.h */

enum next {
	NEXT_NOTHING, /* nobody wants its exit */
	NEXT_EXIT,    /* let it go on, and see it return */
	NEXT_READ,    /* take the faults of call_absent() before it goes on */
};

struct task_state *call_state(void);
/* Nothing counts before its first execve. */
void call_arm(struct task *task);
/* It has become the command. */
void call_execed(struct task *task);
bool call_is_running(const struct task *task);

enum next call_enter(struct task *task, struct entered *entered);
/* A call that began before it was traced; it is still in the registers. */
enum next call_enter_late(struct task *task, struct entered *entered);
/* Whether the call that was seen late goes on under this number. */
bool call_resumes(const struct task *task, s64 nr);
enum next call_leave(struct task *task, s64 ret);

/* What is absent: at most ABSENTS ranges. Returns how many. */
u32 call_absent(const struct task *task, struct range *ranges);
/* So many of them could be read. */
enum next call_read(struct task *task, u32 reached);

/* A call that has not returned, as a record of this type, if it began before. */
void call_report(struct task *task, u32 type, u64 before);
/* A signal is about to be delivered: siginfo_t. */
void call_signal(struct task *task, int number, const void *info);
/* The task has ended with this wait status; `told`: whether anybody wants to know. */
void call_ended(struct task *task, int status, bool told);

/* Reads each input of a call, and throws it away; faulting: takes the faults of what is
 * absent. Returns whether all was there. */
bool call_touch(s32 pid, bool narrow, struct entered *entered, bool faulting);

/* Takes a record, with its pieces: returns 0, or -1 if it is lost. */
typedef int sender(const void *data, u32 size, bool urgent);
/* Reads from here what a record lacks, faults taken: as records whose pieces are what was
 * read. */
void call_again(const struct record *record, u64 sp, sender *to);

#endif
