/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The strategies `prefault` and `ring`: what was absent is read straight into a record
 * that was reserved in a ring buffer, not by way of the task's heap.
 *
 * `ring` reserves, and then takes the fault. `prefault` takes it first and reads
 * nofault, again if the page went away in between. These records have a ring buffer
 * of their own: one that waits for its page keeps those behind it from being freed,
 * so that the buffer fills, and from then on the heap serves (native/ring.c reads on
 * behind it). Nothing else shares that buffer, so nothing else waits.
 */
#ifndef FAULTIN_DIRECT_BPF_H
#define FAULTIN_DIRECT_BPF_H

#include "piece.bpf.h"

#define NO_ROOM (-28)
#define TRIES 3
#define SMALL 256 /* most strings are shorter */
#define TOO_SMALL (-7)
#define HEAD (sizeof(struct record) + sizeof(struct piece))

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} direct SEC(".maps");

static __always_inline bool is_direct(void)
{
	/* What the query looks at has to be in the heap; what notifies goes as one. */
	return faultin_config.strategy != STRATEGY_COPY && !faultin_config.sees && !faultin_config.triggers;
}

/* Makes the first and the last byte of what is read next present; a string may go on in
 * the page behind. Returns how many of the two are there. */
static __always_inline u32 touch(u64 addr, u32 size)
{
	u64 last = size ? addr + size - 1 : (addr | (PAGE - 1)) + 1;
	u8 byte;

	return !bpf_copy_from_user(&byte, 1, (void *)addr) + !bpf_copy_from_user(&byte, 1, (void *)last);
}

static __always_inline void mark_part(struct task_state *state)
{
	state->record.type = RECORD_PART;
	state->record.flags |= RECORD_SPILLED | RECORD_DIRECT;
}

/* `size` bytes into a record of that size. */
static __always_inline long place_exact(struct task_state *state, struct piece *piece, u32 size)
{
	void *addr = (void *)piece->addr;
	struct bpf_dynptr out;
	long err = NO_ROOM;

	if (bpf_ringbuf_reserve_dynptr(&direct, HEAD + ((size + 7) & ~7), 0, &out))
		goto discard;
	if (faultin_config.strategy == STRATEGY_RING)
		err = bpf_copy_from_user_dynptr(&out, HEAD, size, addr);
	else
		err = bpf_probe_read_user_dynptr(&out, HEAD, size, addr);
	if (err)
		goto discard;
	bpf_dynptr_write(&out, 0, &state->record, sizeof(state->record), 0);
	bpf_dynptr_write(&out, sizeof(state->record), piece, sizeof(*piece), 0);
	bpf_ringbuf_submit_dynptr(&out, BPF_RB_NO_WAKEUP);
	return size;
discard:
	bpf_ringbuf_discard_dynptr(&out, BPF_RB_NO_WAKEUP);
	return err;
}

/* `size` bytes, or a string (0), into a record with this much room for them: all
 * that kernels without dynptr reads can do. */
static __always_inline long place_in(struct task_state *state, struct piece *piece, u32 size, const u32 room)
{
	u8 *out = bpf_ringbuf_reserve(&direct, HEAD + room, 0);
	void *addr = (void *)piece->addr;
	long got;

	if (!out)
		return NO_ROOM;
	if (!size) {
		got = faultin_config.strategy == STRATEGY_RING ?
			      read_user_string(out + HEAD, room, addr) :
			      bpf_probe_read_user_str(out + HEAD, room, addr);
		if (got == room && room < PIECE_MAX)
			got = TOO_SMALL;
		piece->want = piece->len = got;
	} else {
		got = faultin_config.strategy == STRATEGY_RING ?
			      bpf_copy_from_user(out + HEAD, masked(size, room), addr) :
			      bpf_probe_read_user(out + HEAD, masked(size, room), addr);
	}
	if (got < 0) {
		bpf_ringbuf_discard(out, BPF_RB_NO_WAKEUP);
		return got;
	}
	__builtin_memcpy(out, &state->record, sizeof(state->record));
	__builtin_memcpy(out + sizeof(state->record), piece, sizeof(*piece));
	bpf_ringbuf_submit(out, BPF_RB_NO_WAKEUP);
	return size ? size : got;
}

static __always_inline long place(struct task_state *state, struct piece *piece, u32 size)
{
	long got;

	if (size && faultin_config.copy_dynptr)
		return place_exact(state, piece, size);
	if (size > SMALL)
		return place_in(state, piece, size, PIECE_MAX);
	got = place_in(state, piece, size, SMALL);
	return got == TOO_SMALL ? place_in(state, piece, size, PIECE_MAX) : got;
}

/* The bytes (or with size 0, the string) that `piece` is labelled for leave at once.
 * Returns 0, NO_ROOM if the heap has to serve, or another error if they cannot be
 * read. `piece` lies in the heap, where nothing is used of it. */
static __always_inline long send_direct(struct task_state *state, struct piece *piece, u32 size)
{
	bool prefault = faultin_config.strategy == STRATEGY_PREFAULT;
	u32 i, touched = 0;
	long got;

	mark_part(state);
	for (i = 0; i < TRIES; i++) {
		if (prefault)
			touched = touch(piece->addr, size);
		got = place(state, piece, size);
		/* What cannot be touched is not there, and need not be tried again. */
		if (got >= 0 || got == NO_ROOM || touched < 2)
			break;
	}
	state->record.flags &= ~RECORD_DIRECT;
	if (got >= 0)
		return 0;
	if (got == NO_ROOM)
		__sync_fetch_and_add(&shared.fell_back_full, 1);
	if (i < TRIES)
		return got;
	/* Its page went away each time: the heap's read takes the fault as it comes. */
	__sync_fetch_and_add(&shared.fell_back_gone, 1);
	return NO_ROOM;
}

#endif
