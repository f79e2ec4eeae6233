/* SPDX-License-Identifier: Apache-2.0 */
/* keeper/memory.h for the capture code: in the guard it reads sealed memory, and no other.
 * So a decision is made on the very bytes that the kernel is going to read. */
#include "sealed.h"

#include <errno.h>
#include <string.h>

#include "../keeper/memory.h"

static const struct room *current;

void sealed_begin(const struct room *room)
{
	current = room;
}

/* What may be read of `size` bytes, and where; NULL for none. */
static const u8 *find(u64 addr, u64 *size)
{
	if (!current->base || addr < current->addr || addr - current->addr >= current->size)
		return NULL;
	if (*size > current->size - (addr - current->addr))
		*size = current->size - (addr - current->addr);
	return current->base + (addr - current->addr);
}

long memory_read(void *dst, u32 size, u64 addr)
{
	u64 have = size;
	const u8 *from = find(addr, &have);

	if (!from || have != size)
		return -EFAULT;
	memcpy(dst, from, size);
	return 0;
}

long memory_string(void *dst, u32 room, u64 addr)
{
	u64 have = room;
	const u8 *from = find(addr, &have), *end;

	if (!from)
		return -EFAULT;
	end = memchr(from, 0, have);
	have = end ? end + 1 - from : have;
	memcpy(dst, from, have);
	if (!end)
		((u8 *)dst)[have - 1] = 0;
	return have;
}
