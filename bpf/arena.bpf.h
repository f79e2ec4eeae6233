/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arena: the texts of keys, whole and once for each group. A key has a digest of each,
 * so that it is small whatever PATH_MAX is; that two texts with one digest are the same is
 * not believed but seen, by what lies here.
 *
 * A place in the arena is a multiple of 8, and so is the room of each text. Its last word
 * is filled up with zeros.
 */
#ifndef FAULTIN_ARENA_BPF_H
#define FAULTIN_ARENA_BPF_H

#include "query.bpf.h"
#include "state.bpf.h"

#define STEP 64 /* bytes that are looked at without a loop of bpf_loop() */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__uint(value_size, ARENA_CHUNK + STEP); /* a step begins within a chunk */
} arena SEC(".maps");

/* A text of the call, and its place in the arena. */
struct text {
	struct task_state *state;
	u32 at;
	u32 len;
	u64 place;
	u64 found;
};

static __always_inline u64 *arena_at(u64 place)
{
	u32 chunk = place / ARENA_CHUNK, offset = place & (ARENA_CHUNK - sizeof(u64));
	u8 *bytes = bpf_map_lookup_elem(&arena, &chunk);

	return bytes ? (u64 *)(bytes + offset) : NULL;
}

static __always_inline u64 word_of(struct text *text, u32 i)
{
	return head(word_at(text->state, text->at + i), text->len - i);
}

static __always_inline u64 mixed(u64 digest, u64 word, u64 seed)
{
	digest = (digest ^ word) * seed;
	return digest ^ digest >> 32;
}

/* Written out, as 6.1's verifier does not see where a loop of this kind ends. A step
 * returns 1 when there is nothing behind it. */
#define EACH_WORD(WORD) \
	WORD(0) WORD(1) WORD(2) WORD(3) WORD(4) WORD(5) WORD(6) WORD(7)

static __always_inline long digest_step(struct text *text, u32 first)
{
	u64 seed = shared.seed, digest = text->found;

#define WORD(k)                                                        \
	if (first + 8 * k >= text->len)                                \
		goto out;                                              \
	digest = mixed(digest, word_of(text, first + 8 * k), seed);
	EACH_WORD(WORD)
#undef WORD
	text->found = digest;
	return 0;
out:
	text->found = digest;
	return 1;
}

static __always_inline long compare_step(struct text *text, u32 first)
{
	u64 *kept = arena_at(text->place + first);

	if (!kept)
		goto differ;
#define WORD(k)                                                        \
	if (first + 8 * k >= text->len)                                \
		return 1;                                              \
	if (kept[k] != word_of(text, first + 8 * k))                   \
		goto differ;
	EACH_WORD(WORD)
#undef WORD
	return 0;
differ:
	text->found = 0;
	return 1;
}

static __always_inline long keep_step(struct text *text, u32 first)
{
	u64 *kept = arena_at(text->place + first);

	if (!kept)
		return 1;
#define WORD(k)                                                        \
	if (first + 8 * k >= text->len)                                \
		return 1;                                              \
	kept[k] = word_of(text, first + 8 * k);
	EACH_WORD(WORD)
#undef WORD
	return 0;
}

static long digest_next(u64 i, struct text *text)
{
	return digest_step(text, (i + 1) * STEP);
}

static long compare_next(u64 i, struct text *text)
{
	return compare_step(text, (i + 1) * STEP);
}

static long keep_next(u64 i, struct text *text)
{
	return keep_step(text, (i + 1) * STEP);
}

/* The digest of `len` bytes; aggregate/digests.py has the same. */
__noinline u64 count_digest(struct task_state *state, u32 at, u32 len)
{
	struct text text = { state, at, len, 0, len };

	if (!state)
		return 0;
	if (!digest_step(&text, 0))
		bpf_loop(len / STEP, digest_next, &text, 0);
	return text.found;
}

/* Whether `len` bytes are those that lie at a place. */
__noinline u32 count_alike(struct task_state *state, u32 at, u32 len, u64 place)
{
	struct text text = { state, at, len, place, 1 };

	if (!state)
		return 0;
	if (!compare_step(&text, 0))
		bpf_loop(len / STEP, compare_next, &text, 0);
	return text.found;
}

/* Puts `len` bytes at a place. */
__noinline u32 count_keep(struct task_state *state, u32 at, u32 len, u64 place)
{
	struct text text = { state, at, len, place, 0 };

	if (!state)
		return 0;
	if (!keep_step(&text, 0))
		bpf_loop(len / STEP, keep_next, &text, 0);
	return 0;
}

/* Room for so many bytes, none of them in two chunks: a place, or NO_PLACE. */
#define NO_PLACE (~0ULL)

static __always_inline u64 take_place(u32 size)
{
	u64 place;

	if (!size)
		return 0;
	place = __sync_fetch_and_add(&shared.arena, size);
	if (place / ARENA_CHUNK != (place + size - 1) / ARENA_CHUNK)
		place = __sync_fetch_and_add(&shared.arena, size);
	if (place + size > faultin_config.arena)
		return NO_PLACE;
	return place / ARENA_CHUNK == (place + size - 1) / ARENA_CHUNK ? place : NO_PLACE;
}

#endif
