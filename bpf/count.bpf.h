/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Count: a call that the query wants is counted here, and its record is not sent.
 *
 * A call's key is what it is counted by: numbers as they are, of texts the digest and the
 * length. The first call with a key is sent, with the number that its group gets, for
 * faultin to count and to show the key by; the group is there only if that record was.
 * What the kernel cannot do, it does not do in part: then faultin has the record.
 *
 * faultin_key() and faultin_count() are generated (codegen/query/counting.py).
 */
#ifndef FAULTIN_COUNT_BPF_H
#define FAULTIN_COUNT_BPF_H

#include "arena.bpf.h"
#include "cells.bpf.h"

#define KEY_MAX 16 /* words; the first says which parts are there */
#define GROUP_OP 0xfffe /* in place of an operation's index */

/* Makes the call's key, and state->texts. Returns 0 if it cannot be made here. */
u32 faultin_key(struct task_state *state, u64 *key, u32 returned);
/* Counts the call. Returns COUNTED, or LEFT and has not counted any of it. */
u32 faultin_count(struct task_state *state, u64 *cells, u32 group, u32 returned);

enum counting {
	LEFT = 0,    /* faultin has to count the call */
	COUNTED = 1, /* or it is lost, and that is counted */
	GROUPS = 2,  /* behind them: the number of the call's group */
};

struct group {
	u64 number;
	u64 place; /* of its texts in the arena, one behind the other */
};

/* What a key has is set before load. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u64));
	__uint(value_size, sizeof(struct group));
} groups SEC(".maps");

static __always_inline u32 room(u32 text)
{
	return ((text >> 16) + 7) & ~7;
}

/* Each written out: what the key has none of goes when the program is linked. */
#define EACH_TEXT(TEXT) TEXT(0) TEXT(1) TEXT(2) TEXT(3)

static __always_inline bool is_alike(struct task_state *state, u64 place)
{
	u32 text;

#define TEXT(i)                                                                \
	if (i < faultin_config.key_texts) {                                    \
		text = state->texts[i];                                        \
		if (text && !count_alike(state, text & 0xffff, text >> 16, place)) \
			return false;                                          \
		place += room(text);                                           \
	}
	EACH_TEXT(TEXT)
#undef TEXT
	return true;
}

static __always_inline void keep_texts(struct task_state *state, u64 place)
{
	u32 text;

#define TEXT(i)                                                                \
	if (i < faultin_config.key_texts) {                                    \
		text = state->texts[i];                                        \
		count_keep(state, text & 0xffff, text >> 16, place);           \
		place += room(text);                                           \
	}
	EACH_TEXT(TEXT)
#undef TEXT
}

static __always_inline u32 texts_size(struct task_state *state)
{
	u32 size = 0;

#define TEXT(i) size += i < faultin_config.key_texts ? room(state->texts[i]) : 0;
	EACH_TEXT(TEXT)
#undef TEXT
	return size;
}

static __always_inline bool has_room(struct task_state *state)
{
	return state->used <= sizeof(state->heap) - sizeof(struct piece);
}

/* The call's record leaves with the number of its group. Returns 0 unless it is lost. */
static __always_inline int send_first(struct task_state *state, u64 number, u32 type)
{
	u32 used = state->used;
	struct piece *piece;

	bounded(used);
	if (used > sizeof(state->heap) - sizeof(*piece))
		return -1;
	piece = (struct piece *)(state->heap + used);
	label(piece, number, KEY(GROUP_OP, ROLE_GROUP, HOW_ENTRY), 0, 0);
	state->used = used + sizeof(*piece);
	note_caller(&state->record, bpf_get_current_task_btf());
	state->record.type = type | RECORD_GROUP | (faultin_config.judges ? RECORD_JUDGED : 0);
	return send(&state->record, record_size(state), false);
}

static __always_inline u32 overflow(void)
{
	if (!faultin_config.overflows)
		return LEFT;
	__sync_fetch_and_add(&shared.lost_groups, 1);
	return COUNTED;
}

/* Gives back what nobody has taken more of meanwhile. */
static __always_inline void give_back(volatile u64 *taken, u64 before, u64 size)
{
	__sync_val_compare_and_swap(taken, before + size, before);
}

/* Returns what count_group() does. */
static __always_inline u32 first_of_group(struct task_state *state, u64 *key, u32 type)
{
	u32 size = texts_size(state);
	struct group group = {};

	if (!has_room(state))
		return LEFT;
	if (shared.groups >= faultin_config.groups)
		return overflow();
	group.number = __sync_fetch_and_add(&shared.groups, 1);
	if (group.number >= faultin_config.groups)
		return overflow();
	group.place = take_place(size);
	if (group.place == NO_PLACE) {
		give_back(&shared.groups, group.number, 1);
		return LEFT;
	}
	if (send_first(state, group.number, type)) { /* it is lost, and said to be */
		give_back(&shared.groups, group.number, 1);
		give_back(&shared.arena, group.place, size);
		return COUNTED;
	}
	keep_texts(state, group.place);
	/* Of two that come at once, one is not kept: its record is all that is ever counted of
	 * that number. */
	bpf_map_update_elem(&groups, key, &group, BPF_NOEXIST);
	return COUNTED;
}

/* The call's group; or LEFT or COUNTED, where that is all there is to do. */
__noinline u64 count_group(struct task_state *state, u32 type)
{
	u64 key[KEY_MAX];
	struct group *group;

	if (!state || is_unsettled(state) || !faultin_key(state, key, type == RECORD_CALL))
		return LEFT;
	group = bpf_map_lookup_elem(&groups, key);
	if (!group)
		return first_of_group(state, key, type);
	if (is_alike(state, group->place))
		return GROUPS + group->number;
	__sync_fetch_and_add(&shared.collisions, 1);
	return LEFT;
}

/* Apart from that, as each needs most of the stack that there is. */
__noinline u32 count_amounts(struct task_state *state, u32 group, u32 returned)
{
	u64 *found = cells_of(group);

	return state && found ? faultin_count(state, found, group, returned) : LEFT;
}

static __always_inline bool is_counted(struct task_state *state, u32 type)
{
	u64 found = count_group(state, type);

	return found < GROUPS ? found : count_amounts(state, found - GROUPS, type == RECORD_CALL);
}

#endif
