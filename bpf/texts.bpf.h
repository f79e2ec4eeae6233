/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Texts: what the functions of a query do with captured bytes. `at` counts from the
 * record on (the heap follows it), `text` in faultin_texts.
 *
 * Global functions, which the verifier looks at once; codegen/link.py takes out those that
 * a query does not call. Whoever calls them has checked that the bytes were captured: what
 * is out of bounds here is 0, as the verifier must see that nothing is read there.
 */
#ifndef FAULTIN_TEXTS_BPF_H
#define FAULTIN_TEXTS_BPF_H

#include "task.bpf.h"

#define VIEWED (sizeof(struct record) + HEAP_SIZE + sizeof(struct piece) + PIECE_MAX)
#define BLOCK 16  /* bytes of a step of the automaton */
#define NEAR 64   /* bytes that are compared without a loop of bpf_loop() */
#define NAME_MAX 256 /* the largest text within a structure */

/* The compiler would read a byte at a time, as it takes no address for aligned. */
static __always_inline u64 unaligned(const void *from)
{
	u64 word;

#ifdef __bpf__
	word = *(const u64 *)from;
#else
	memcpy(&word, from, sizeof(word));
#endif
	return word;
}

static __always_inline u64 word_at(struct task_state *state, u32 at)
{
	bounded(at);
	if (at > VIEWED - sizeof(u64))
		return 0;
	return unaligned((u8 *)&state->record + at);
}

static __always_inline u64 text_at(u32 text)
{
	bounded(text);
	return unaligned(faultin_texts + (text & (faultin_config.texts - 1)));
}

/* The first `count` bytes of a word, if it has more. */
static __always_inline u64 head(u64 word, u32 count)
{
	return count < 8 ? word & ((1ULL << (count & 7) * 8) - 1) : word;
}

/* 8 bytes. Inlined: to call and return costs more, where returns are made safe. */
INLINED u64 query_load(struct task_state *state, u32 at)
{
	return state ? word_at(state, at) : 0;
}

struct comparing {
	struct task_state *state;
	u32 at;
	u32 other;
	u32 len;
	u32 is_text; /* `other` is one */
	u64 differ;
};

static __always_inline u64 differ_at(struct comparing *c, u32 i)
{
	u64 other = c->is_text ? text_at(c->other + i) : word_at(c->state, c->other + i);

	return head(word_at(c->state, c->at + i) ^ other, c->len - i);
}

static long compare_word(u64 i, struct comparing *c)
{
	c->differ = differ_at(c, i * sizeof(u64));
	return !!c->differ;
}

/* Written out: 6.1's verifier does not see where a loop of this kind ends. */
#define COMPARE(i)                   \
	do {                         \
		if ((i) >= c->len)   \
			return 1;    \
		if (differ_at(c, i)) \
			return 0;    \
	} while (0)

static __always_inline u32 is_equal(struct comparing *c)
{
	if (c->len > NEAR) {
		bpf_loop((c->len + 7) / 8, compare_word, c, 0);
		return !c->differ;
	}
	COMPARE(0);
	COMPARE(8);
	COMPARE(16);
	COMPARE(24);
	COMPARE(32);
	COMPARE(40);
	COMPARE(48);
	COMPARE(56);
	return 1;
}

/* Whether `len` bytes are those of the text. */
__noinline u32 query_equal(struct task_state *state, u32 at, u32 text, u32 len)
{
	struct comparing c = { state, at, text, len, 1, 0 };

	return state ? is_equal(&c) : 0;
}

/* Whether `len` bytes are the same in two places. */
__noinline u32 query_same(struct task_state *state, u32 at, u32 other, u32 len)
{
	struct comparing c = { state, at, other, len, 0, 0 };

	return state ? is_equal(&c) : 0;
}

/* The bytes before the first NUL, at most `max`, which is NAME_MAX at the most. */
__noinline u32 query_length(struct task_state *state, u32 at, u32 max)
{
	u32 i;

	if (!state)
		return 0;
	for (i = 0; i < NAME_MAX; i++) {
		if (i >= max)
			break;
		if (!(word_at(state, at + i) & 0xff))
			return i;
	}
	return max;
}

struct matching {
	struct task_state *state;
	const struct automaton *automaton;
	u32 at;
	u32 len;
	u64 active;
};

static long match_block(u64 block, struct matching *matching)
{
	const struct automaton *automaton = matching->automaton;
	u64 active = matching->active, word = 0;
	u32 i;

#pragma clang loop unroll(full)
	for (i = 0; i < BLOCK; i++) {
		u32 place = (u32)block * BLOCK + i;

		if (place >= matching->len)
			break;
		if (i % 8 == 0)
			word = word_at(matching->state, matching->at + place);
		active = (active & automaton->step[word & 0xff]) << 1 | (active & automaton->loop);
		word >>= 8;
	}
	matching->active = active;
	return !active || (active & automaton->loop & automaton->accept);
}

/* Whether the automaton accepts `len` bytes. */
__noinline u32 query_match(struct task_state *state, u32 at, u32 len, u32 index)
{
	struct matching matching = { .state = state, .at = at, .len = len, .active = 1 };

	bounded(index);
	if (!state || index >= faultin_config.automata)
		return 0;
	matching.automaton = &faultin_automata[index];
	bpf_loop((len + BLOCK - 1) / BLOCK, match_block, &matching, 0);
	return !!(matching.active & matching.automaton->accept);
}

#endif
