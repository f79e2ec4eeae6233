/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "copy.h"

#include <string.h>
#include <sys/uio.h>

#include "../keeper/output.h" /* now() */
#include "../keeper/presence.h"

#define PAGE 4096ULL
#define FIRST 256 /* bytes of a string that are read first: most are shorter */
#define DIRECT 512 /* bytes; direct I/O asks for buffers aligned to blocks */
#define TASK_END (1ULL << 56)

static u64 since;

u64 copy_since(void)
{
	return __atomic_load_n(&since, __ATOMIC_ACQUIRE);
}

static enum copied read_in(struct copying *copying, u64 to, u64 addr, u64 size)
{
	const struct range *known = &copying->touched;
	struct iovec here = { copying->room->base + to, size }, there = { (void *)addr, size };
	ssize_t got;

	if (addr >= TASK_END || addr + size > TASK_END)
		return COPY_FAULT;
	if (!(addr >= known->addr && addr + size <= known->addr + known->size) &&
	    !presence_now(copying->space, copying->pid, addr, size)) {
		copying->absent = (struct range){ addr, size };
		return COPY_ABSENT;
	}
	if (copying->room->high < to + size)
		copying->room->high = to + size;
	__atomic_store_n(&since, now(), __ATOMIC_RELEASE);
	got = process_vm_readv(copying->pid, &here, 1, &there, 1, 0);
	__atomic_store_n(&since, 0, __ATOMIC_RELEASE);
	return got == (ssize_t)size ? COPIED : COPY_FAULT;
}

/* Where the next copy begins. What may be a buffer of direct I/O keeps its alignment. */
static u64 place_for(const struct room *room, u64 addr, u64 size)
{
	u64 at = (room->used + 15) & ~15ULL;

	if (size >= DIRECT && addr % DIRECT == 0)
		at = (at - addr % PAGE + PAGE - 1) / PAGE * PAGE + addr % PAGE;
	return at;
}

enum copied copy_nothing(struct copying *copying, u64 size, u64 *at)
{
	struct room *room = copying->room;

	*at = place_for(room, 0, 0);
	if (*at + size > room->size)
		return COPY_BIG;
	room->used = *at + size;
	if (room->high < room->used)
		room->high = room->used;
	return COPIED;
}

enum copied copy_bytes(struct copying *copying, u64 addr, u64 size, u64 *at)
{
	struct room *room = copying->room;

	*at = place_for(room, addr, size);
	if (size > room->size || *at + size > room->size)
		return COPY_BIG;
	room->used = *at + size;
	return size ? read_in(copying, *at, addr, size) : COPIED;
}

enum copied copy_string(struct copying *copying, u64 addr, u64 limit, u64 *at)
{
	struct room *room = copying->room;
	u64 done = 0, part;
	const u8 *end;
	enum copied how;

	*at = place_for(room, 0, 0);
	while (done < limit) {
		part = PAGE - (addr + done) % PAGE;
		if (!done && part > FIRST)
			part = FIRST;
		if (part > limit - done)
			part = limit - done;
		if (*at + done + part > room->size)
			return COPY_BIG;
		how = read_in(copying, *at + done, addr + done, part);
		if (how)
			return how;
		end = memchr(room->base + *at + done, 0, part);
		if (end) {
			room->used = end + 1 - room->base;
			return COPIED;
		}
		done += part;
	}
	room->used = *at + done;
	return COPIED;
}

enum copied copy_pointers(struct copying *copying, u64 addr, u64 *at, u64 *count)
{
	struct room *room = copying->room;
	u64 done = 0, part, i;
	const u64 *words;
	enum copied how;

	*at = place_for(room, 0, 0);
	words = (const u64 *)(room->base + *at);
	for (;; done += part) {
		part = (PAGE - (addr + done) % PAGE + 7) & ~7ULL;
		if (!done && part > FIRST)
			part = FIRST;
		if (*at + done + part > room->size)
			return COPY_BIG;
		how = read_in(copying, *at + done, addr + done, part);
		if (how)
			return how;
		for (i = done / 8; i < (done + part) / 8; i++)
			if (!words[i]) {
				room->used = *at + 8 * (i + 1);
				*count = i;
				return COPIED;
			}
	}
}

bool copy_out(s32 pid, const void *from, u64 size, u64 addr)
{
	struct iovec here = { (void *)from, size }, there = { (void *)addr, size };
	ssize_t got;

	__atomic_store_n(&since, now(), __ATOMIC_RELEASE);
	got = process_vm_writev(pid, &here, 1, &there, 1, 0);
	__atomic_store_n(&since, 0, __ATOMIC_RELEASE);
	return got == (ssize_t)size;
}

bool copy_touch(s32 pid, const struct range *range)
{
	u64 page = range->addr & ~(PAGE - 1);
	u8 byte;

	for (; page < range->addr + range->size; page += PAGE) {
		struct iovec here = { &byte, 1 }, there = { (void *)page, 1 };

		if (process_vm_readv(pid, &here, 1, &there, 1, 0) != 1)
			return false;
	}
	return true;
}
