/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The batch that is being filled (columns.h tells what is in it). */
#ifndef FAULTIN_BATCH_H
#define FAULTIN_BATCH_H

#include <string.h>

#include "columns.h"

#define NAMES_LOG2 12
#define NAMES_MOST 3000

struct columns {
	struct column *columns;
	u32 count;
	u32 room; /* rows */
	u32 rows;
	u32 plans;
	u32 judging; /* records that the kernel has not judged are left to the caller */
	u32 stacks;  /* ... and so are all, as it walks their stacks */
	u64 offset;
	struct layout *layouts;
	struct number *numbers;
	struct capture *captures;
	u32 names;
	u32 full; /* a row found no room: nothing more before the next batch */
	char name[NAMES_MOST][16];
	u16 slots[1 << NAMES_LOG2]; /* number of a name + 1, by its hash */
};

#pragma GCC visibility push(hidden)
/* Memory is taken when a column is first used. Returns 0, and the batch is full, if there
 * is none. */
int ready(struct columns *c, struct column *column);
/* Room for so many bytes more. Returns 0 if there is no memory. */
int grown(struct column *column, u64 size);
void put_bytes(struct columns *c, u16 number, u32 row, const u8 *data, u64 size);
/* The number of a thread's name in this batch. */
u32 name_of(struct columns *c, const char *comm);
#pragma GCC visibility pop

static inline void put(struct columns *c, u16 number, u32 row, u64 value)
{
	struct column *column;

	if (number == NO_COLUMN || !ready(c, column = &c->columns[number]))
		return;
	memcpy(column->values + (u64)row * column->width, &value, column->width);
	column->valid[row / 8] |= 1 << row % 8;
	column->count++;
}

#endif
