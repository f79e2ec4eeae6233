/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Columns in memory: made, grown, given to the caller, and emptied for the next batch. */
#include "batch.h"

#include <stdlib.h>

#define DATA_MOST (1u << 30)

static void *copy_of(const void *from, size_t size)
{
	void *to = malloc(size ? size : 1);

	return to && size ? memcpy(to, from, size) : to;
}

void faultin_columns_close(struct columns *c)
{
	u32 i;

	if (!c)
		return;
	for (i = 0; c->columns && i < c->count; i++) {
		free(c->columns[i].values);
		free(c->columns[i].offsets);
		free(c->columns[i].valid);
	}
	free(c->columns);
	free(c->layouts);
	free(c->numbers);
	free(c->captures);
	free(c);
}

/* NULL if there is no memory. `widths`: of each column, 0 for bytes. */
struct columns *faultin_columns_open(u32 room, const u32 *widths, u32 count, const struct layout *layouts,
				     u32 plans, const struct number *numbers, u32 number_count,
				     const struct capture *captures, u32 capture_count, u64 offset,
				     u32 judging, u32 stacks)
{
	struct columns *c = calloc(1, sizeof(*c));
	u32 i;

	if (!c)
		return NULL;
	c->room = room;
	c->plans = plans;
	c->offset = offset;
	c->judging = judging;
	c->stacks = stacks;
	c->columns = calloc(count, sizeof(*c->columns));
	c->layouts = copy_of(layouts, plans * sizeof(*layouts));
	c->numbers = copy_of(numbers, number_count * sizeof(*numbers));
	c->captures = copy_of(captures, capture_count * sizeof(*captures));
	if (!c->columns || !c->layouts || !c->numbers || !c->captures) {
		faultin_columns_close(c);
		return NULL;
	}
	c->count = count;
	for (i = 0; i < count; i++)
		c->columns[i].width = widths[i];
	return c;
}

int ready(struct columns *c, struct column *column)
{
	if (column->valid)
		return 1;
	column->valid = calloc(1, c->room / 8 + 1);
	if (column->width)
		column->values = calloc(c->room, column->width);
	else
		column->offsets = calloc(c->room + 1, sizeof(u32));
	if (column->valid && (column->width ? (void *)column->values : (void *)column->offsets))
		return 1;
	c->full = 1;
	return 0;
}

int grown(struct column *column, u64 size)
{
	u64 room = column->room ? column->room : 1 << 16;
	u8 *values;

	while (room < column->used + size)
		room *= 2;
	if (room == column->room)
		return 1;
	values = realloc(column->values, room);
	if (!values)
		return 0;
	column->values = values;
	column->room = room;
	return 1;
}

static void fill_offsets(struct column *column, u32 rows)
{
	while (column->rows < rows)
		column->offsets[++column->rows] = column->used;
}

void put_bytes(struct columns *c, u16 number, u32 row, const u8 *data, u64 size)
{
	struct column *column;

	if (number == NO_COLUMN || !ready(c, column = &c->columns[number]))
		return;
	if (!grown(column, size)) {
		c->full = 1;
		return;
	}
	fill_offsets(column, row);
	memcpy(column->values + column->used, data, size);
	column->used += size;
	column->offsets[++column->rows] = column->used;
	column->valid[row / 8] |= 1 << row % 8;
	column->count++;
	if (column->used > DATA_MOST)
		c->full = 1;
}

u32 name_of(struct columns *c, const char *comm)
{
	u64 parts[2], hash;
	u32 at;

	memcpy(parts, comm, sizeof(parts));
	hash = (parts[0] ^ parts[1] * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;
	for (at = hash >> (64 - NAMES_LOG2);; at = (at + 1) & ((1 << NAMES_LOG2) - 1)) {
		u16 slot = c->slots[at];

		if (!slot)
			break;
		if (!memcmp(c->name[slot - 1], comm, 16))
			return slot - 1;
	}
	memcpy(c->name[c->names], comm, 16);
	c->slots[at] = ++c->names;
	if (c->names == NAMES_MOST)
		c->full = 1;
	return c->names - 1;
}

u32 faultin_columns_rows(const struct columns *c)
{
	return c->rows;
}

int faultin_columns_full(const struct columns *c)
{
	return c->full || c->rows == c->room;
}

/* The columns, all of whose offsets are written, for the caller to copy. */
struct column *faultin_columns_get(struct columns *c)
{
	u32 i;

	for (i = 0; i < c->count; i++)
		if (c->columns[i].offsets)
			fill_offsets(&c->columns[i], c->rows);
	return c->columns;
}

/* The names of threads in this batch, 16 bytes each. */
const char *faultin_columns_names(const struct columns *c, u32 *count)
{
	*count = c->names;
	return c->name[0];
}

/* An empty batch. */
void faultin_columns_reset(struct columns *c)
{
	u32 i;

	for (i = 0; i < c->count; i++) {
		struct column *column = &c->columns[i];

		if (column->count)
			memset(column->valid, 0, c->room / 8 + 1);
		if (column->count && column->width)
			memset(column->values, 0, (u64)c->rows * column->width);
		column->used = column->rows = column->count = 0;
	}
	memset(c->slots, 0, sizeof(c->slots));
	c->rows = c->names = c->full = 0;
}
