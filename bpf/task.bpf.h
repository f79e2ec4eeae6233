/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A traced task as the capture code knows it: its state, the constants of the trace, and
 * how what was captured leaves. BPF programs are made of this, and the native tracer
 * (native/keeper), which brings what takes the place of the kernel's helpers. */
#ifndef FAULTIN_TASK_BPF_H
#define FAULTIN_TASK_BPF_H

#ifdef __bpf__
#include "compat.bpf.h"
#else
#include "shim.h"
#endif

#define ABSENT_MAX 16
#define SLOTS_MAX 12
#define TEXTS_MAX 4 /* of a key */

struct absent {
	u64 addr;
	u64 size; /* 0: a string */
};

/* Task-local: a program that sleeps in a fault may find another task on its
 * CPU, running the same program. record and heap leave as one piece. */
struct task_state {
	u32 phase;
	u32 used;  /* bytes of the heap */
	u32 shown; /* seq of the call that was last reported as blocked */
	u32 todo;  /* operations to run, a bit each */
	u32 absents; /* entries of absent[]; there may be more that did not fit */
	/* Of task work: how many of them could be faulted in, which operations to
	 * run again, where the heap stood before, and whether all is done. */
	u32 reached;
	u32 again;
	u32 mark;
	u32 settled;
	/* Bytes that an output's iovec still has: here, and not on the stack, where the
	 * verifier would follow each value that they take. */
	u64 left_bytes;
	/* What the query has seen of the call's memory (query.bpf.h): values, and a bit for
	 * each that is known. */
	u64 known;
	u64 slots[SLOTS_MAX];
	u64 vector_bytes; /* of the iovec that is being captured: all that its elements name */
	u32 vector_count;
	u32 blurred; /* what was seen is not there any more, or is not all: faultin judges */
	u8 born; /* has not returned from its parent's fork yet */
	/* Whether the first of the two programs at each place has run (core.bpf.h). */
	u8 entered;
	u8 left;
	u8 signalled;
	u32 texts[TEXTS_MAX]; /* of the call's key: place | length << 16 (count.bpf.h) */
	u8 wanted; /* the query is known to hold for the call */
	u8 stack_trust; /* calls for which stack_end is still believed */
	u8 ordinary; /* of a watch: part of the call has left by the ring buffer of others */
	struct absent absent[ABSENT_MAX];
	u64 sp;        /* where the stack begins, if stacks are wanted */
	u64 stack_end; /* where it was found to end, or 0 */
	struct record record;
	u8 heap[HEAP_SIZE + sizeof(struct piece) + PIECE_MAX];
};

#ifdef __bpf__
extern const struct config faultin_config;
extern const struct plan faultin_plans[];
extern const struct op faultin_ops[];
extern const struct variant faultin_variants[];
extern const u8 faultin_texts[];
extern const struct automaton faultin_automata[];

/* What is read next, for whoever reads several ranges at once: a program in the kernel
 * does not. */
static __always_inline void expect_ops(struct task_state *state, u32 first, u32 count, u32 bits)
{
}

static __always_inline void expect_iovec(u64 base, u64 count, u32 narrow)
{
}
#endif

/* Into the ring buffer. Returns 0 unless it was full. */
static __always_inline int send(void *data, u32 size, bool urgent);

/* ... into the one of what notifies, which is read first. It may be full: nothing is lost yet. */
static __always_inline int send_trigger(void *data, u32 size);

static __always_inline u32 record_size(struct task_state *state)
{
	u32 used = state->used;

	if (used > sizeof(state->heap))
		used = sizeof(state->heap);
	bounded(used);
	return sizeof(struct record) + used;
}

static __always_inline const struct plan *plan_at(u32 index)
{
	if (index >= faultin_config.plans)
		return NULL;
	bounded(index);
	if (index >= faultin_config.plans)
		return NULL;
	return &faultin_plans[index];
}

enum verdict {
	VERDICT_DROP = 0,
	VERDICT_KEEP = 1,
	VERDICT_ASK = 2, /* not all that it depends on is there: faultin judges */
};

/* What the query says of a call, whose record would be of this type. */
static __always_inline u32 verdict_of(struct task_state *state, u32 type);

/* When the call began, and who makes it, unless that is known. It costs as much as all else
 * of a call that nobody wants: it is asked when somebody does, or if the query asks (config.who). */
static __always_inline void note_caller(struct record *record, struct task_struct *task)
{
	if (record->ts)
		return;
	record->ts = bpf_ktime_get_ns();
	record->pid = task->tgid;
	record->tid = task->pid;
	__builtin_memcpy(record->comm, task->comm, sizeof(record->comm));
}

/* Whether a call that is wanted has been counted here: then its record need not leave. */
static __always_inline bool is_counted(struct task_state *state, u32 type);

/* The record and its heap leave. The triggers are read first, and a record must not overtake
 * its parts: a call of which one left before it was known to be wanted, or found the triggers
 * full, stays with the others. */
static __always_inline int send_state(struct task_state *state, bool urgent)
{
	u32 size = record_size(state);
	bool notifies;

	if (!faultin_config.triggers)
		return send(&state->record, size, urgent);
	notifies = state->wanted || !faultin_config.judges;
	if (notifies && !state->ordinary && !send_trigger(&state->record, size))
		return 0;
	state->ordinary = 1;
	return send(&state->record, size, urgent || notifies);
}

/* The finished call leaves, if the query wants it. */
static __noinline __attribute__((unused)) int emit(struct task_state *state __attribute__((nonnull)), u32 type)
{
	u32 verdict = VERDICT_ASK;

	if (faultin_config.judges)
		verdict = state->wanted ? VERDICT_KEEP : verdict_of(state, type);
	if (verdict == VERDICT_DROP)
		return 0;
	state->wanted = verdict == VERDICT_KEEP;
	if (faultin_config.counts && (state->wanted || !faultin_config.judges) && is_counted(state, type))
		return 0;
	if (!state->record.ts)
		note_caller(&state->record, bpf_get_current_task_btf());
	state->record.type = type | (state->wanted ? RECORD_JUDGED : 0);
	/* The consumer will read what is missing: the sooner, the truer. */
	return send_state(state, !faultin_config.task_work && state->record.missed);
}

/* The heap is full: what is there goes ahead of its record. */
static __always_inline void spill(struct task_state *state)
{
	if (!state->record.ts)
		note_caller(&state->record, bpf_get_current_task_btf());
	state->record.type = RECORD_PART;
	state->record.flags |= RECORD_SPILLED;
	if (send_state(state, false))
		state->record.flags |= RECORD_PART_LOST;
	state->used = 0;
	state->known = 0;
	state->blurred = 1;
}

#endif
