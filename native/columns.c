/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records become columns, with no object an event: registers, texts and memory are copied
 * to where Arrow wants them. What is nested, was not read, came in parts or has still to be
 * judged is left to the caller, which is told where it is (struct left).
 */
#include "batch.h"
#include "utf8.h"

#define WORD_TRUNCATED 6 /* the words of columnar/layout.py, by number; below it enum piece_how */
#define WORD_NULL 7
#define WORD_UNSET 10
#define ENTRY_HEADER 8 /* of the ring buffer */
#define BUSY_BITS 0xc0000000
#define PIECES_MOST 64
#define X32_BIT 0x40000000
#define ENAMETOOLONG 36
#define ERRNO_MAX 4095
#define UNKNOWN 0xffffffff
#define NOT_WHOLE (RECORD_SPILLED | RECORD_PART_LOST | RECORD_SCRIPT | RECORD_LATE)

/* The pieces of one operation, but for those of lengths. */
static u32 pieces_of(const u8 *body, u64 size, u16 op, const struct piece **found)
{
	u32 count = 0;
	u64 at = 0;

	while (at + sizeof(struct piece) <= size) {
		const struct piece *piece = (const void *)(body + at);

		if (piece->op == op && piece->role != ROLE_LENGTH) {
			if (count == PIECES_MOST)
				return PIECES_MOST + 1;
			found[count++] = piece;
		}
		at += sizeof(*piece) + ((piece->len + 7ull) & ~7ull);
	}
	return count;
}

/* Of several attempts at the same memory the first that succeeded. */
static const struct piece *at_address(const struct piece **pieces, u32 count, u64 address)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (pieces[i]->addr == address && pieces[i]->how != HOW_MISSED)
			return pieces[i];
	return NULL;
}

/* A text, or -1 if it is left to the caller. Returns its word. */
static int text(struct columns *c, u32 row, const struct capture *cap, const struct piece **pieces,
		u32 count, s64 ret, int out)
{
	u32 i, length;
	const u8 *end;

	for (i = 0; i < count && pieces[i]->how == HOW_MISSED; i++)
		;
	if (i == count)
		return -1;
	end = memchr(pieces[i]->data, 0, pieces[i]->len);
	length = end ? end - pieces[i]->data : pieces[i]->len;
	if (is_utf8(pieces[i]->data, length))
		put_bytes(c, out ? cap->out : cap->value, row, pieces[i]->data, length);
	else
		put_bytes(c, out ? cap->out_bytes : cap->bytes, row, pieces[i]->data, length);
	if (pieces[i]->len != PIECE_MAX || (cap->kind == CAPTURE_PATH && ret != -ENAMETOOLONG))
		return pieces[i]->how;
	put(c, out ? cap->out_length : cap->length, row, -1);
	return WORD_TRUNCATED;
}

/* The bytes of one range, put together; -1 if they are left to the caller. */
static int memory(struct columns *c, u32 row, const struct capture *cap, const struct piece **pieces,
		  u32 count, int out)
{
	u16 number = out ? cap->out : cap->value;
	const struct piece *piece = pieces[0];
	u32 want, how, i;
	u64 have, address;
	struct column *column;

	for (i = 1; i < count; i++)
		if (pieces[i]->addr < piece->addr)
			piece = pieces[i];
	address = piece->addr;
	want = piece->want;
	for (i = 0; i < count; i++) /* the length that counts is of the attempt that comes first */
		if (pieces[i]->addr == address && pieces[i]->how != HOW_MISSED) {
			want = pieces[i]->want;
			break;
		}
	piece = at_address(pieces, count, address);
	if (!piece)
		return -1;
	how = piece->how;
	put_bytes(c, number, row, piece->data, piece->len);
	have = piece->len;
	column = &c->columns[number];
	while (piece->len == PIECE_MAX && (piece = at_address(pieces, count, address += PIECE_MAX))) {
		if (c->full || !grown(column, piece->len))
			return -1;
		memcpy(column->values + column->used, piece->data, piece->len);
		column->used += piece->len;
		column->offsets[column->rows] = column->used;
		have += piece->len;
		if (piece->how > how)
			how = piece->how;
	}
	if (have / cap->size >= want / cap->size)
		return how;
	put(c, out ? cap->out_length : cap->length, row, want == UNKNOWN ? -1 : (s64)(want / cap->size));
	return WORD_TRUNCATED;
}

/* What the operations of a call captured; the bits of those that are left to the caller. */
static u32 captured(struct columns *c, u32 row, const struct record *record, u64 size,
		    const struct layout *layout)
{
	const u8 *body = (const u8 *)(record + 1);
	const struct capture *caps = &c->captures[layout->first_capture];
	const struct piece *pieces[PIECES_MOST];
	int words[6] = { 0 }; /* + 1, of each argument */
	u32 left = 0, left_arguments = 0, i;

	for (i = 0; i < layout->captures; i++) {
		const struct capture *cap = &caps[i];
		int word = -1, out = words[cap->position] && words[cap->position] != WORD_UNSET + 1;
		u32 count;

		if (!record->args[cap->position]) {
			if (!out)
				put(c, cap->word, row, WORD_NULL);
			words[cap->position] = WORD_NULL + 1;
			continue;
		}
		if (left_arguments >> cap->position & 1) { /* what comes second depends on the first */
			left |= 1u << i;
			continue;
		}
		count = cap->kind == CAPTURE_OTHER ? 0 : pieces_of(body, size - sizeof(*record), cap->op, pieces);
		if (cap->kind != CAPTURE_OTHER && !count && cap->output) {
			if (words[cap->position])
				continue;
			word = WORD_UNSET; /* an output that was not written */
		} else if (count && count <= PIECES_MOST) {
			word = cap->kind == CAPTURE_MEMORY ?
				       memory(c, row, cap, pieces, count, out) :
				       text(c, row, cap, pieces, count, record->ret, out);
		}
		if (word < 0) {
			left |= 1u << i;
			left_arguments |= 1u << cap->position;
			continue;
		}
		if (out)
			continue;
		words[cap->position] = word + 1;
		put(c, cap->word, row, word);
	}
	return left;
}

/* Who made the call, if the record has it. */
static void who(struct columns *c, u32 row, const struct record *record, u64 size)
{
	const u8 *body = (const u8 *)(record + 1);
	u64 at = 0, end = size - sizeof(*record);

	while (at + sizeof(struct piece) <= end) {
		const struct piece *piece = (const void *)(body + at);
		const struct context *context = (const void *)piece->data;

		if (piece->op == CONTEXT_OP && piece->role == ROLE_CONTEXT && piece->len >= sizeof(*context)) {
			put(c, COLUMN_PPID, row, context->ppid);
			put(c, COLUMN_UID, row, context->uid);
			put(c, COLUMN_GID, row, context->gid);
			put(c, COLUMN_CGROUP, row, context->cgroup);
			return;
		}
		at += sizeof(*piece) + ((piece->len + 7ull) & ~7ull);
	}
}

static u32 call(struct columns *c, const struct record *record, u64 size)
{
	int kind = record->type & ~RECORD_JUDGED, late = record->flags & RECORD_LATE;
	u64 unread = kind == RECORD_NORETURN ? record->ret : 0; /* arguments of a user event */
	const struct layout *layout = record->plan < c->plans ? &c->layouts[record->plan] : NULL;
	u32 row = c->rows++, i;

	put(c, COLUMN_TS, row, record->ts + c->offset);
	put(c, COLUMN_PID, row, record->pid);
	put(c, COLUMN_TID, row, record->tid);
	put(c, COLUMN_COMM, row, name_of(c, record->comm));
	put(c, COLUMN_PLAN, row, record->plan);
	if (record->flags & RECORD_COMPAT)
		put(c, COLUMN_ABI, row, record->nr & X32_BIT ? 2 : 1);
	if (kind == RECORD_CALL) {
		put(c, COLUMN_RET, row, record->ret);
		if (record->ret < 0 && record->ret >= -ERRNO_MAX)
			put(c, COLUMN_ERRNO, row, -record->ret);
		if (!late)
			put(c, COLUMN_LATENCY, row, record->latency);
	}
	who(c, row, record, size);
	for (i = 0; layout && i < layout->numbers; i++) {
		const struct number *number = &c->numbers[layout->first_number + i];

		if (!(unread >> number->position & 1))
			put(c, number->column, row, record->args[number->position]);
	}
	if (unread || record->plan == PLAN_NONE || record->missed || record->gone || record->flags & NOT_WHOLE ||
	    (c->judging && !(record->type & RECORD_JUDGED)) || c->stacks)
		return ALL_LEFT;
	return layout ? captured(c, row, record, size, layout) : ALL_LEFT;
}

/* Takes the records of a chunk from `*at` on, until it ends, a batch is full, or there is no
 * room in `left`; `*at` is then where to go on. Returns how many were left. */
u32 faultin_columns_add(struct columns *c, const u8 *chunk, u64 size, u64 *at, struct left *left,
			u32 left_room)
{
	u32 count = 0;

	while (*at < size && c->rows < c->room && !c->full && count < left_room) {
		u32 length, ops = ALL_LEFT, row = NO_ROW, start = *at;
		const struct record *record = (const void *)(chunk + *at + ENTRY_HEADER);

		memcpy(&length, chunk + *at, sizeof(length));
		length &= ~BUSY_BITS;
		*at += ENTRY_HEADER + ((length + 7ull) & ~7ull);
		switch (record->type & ~RECORD_JUDGED) {
		case RECORD_CALL:
		case RECORD_NORETURN:
			row = c->rows;
			ops = call(c, record, length);
			break;
		case RECORD_SIGNAL:
		case RECORD_BLOCKED:
			ops = 0;
		}
		if (ops)
			left[count++] = (struct left){ .at = start, .row = row, .ops = ops };
	}
	return count;
}
