/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "output.h"

#define PAGE 4096ULL
#define SLOTS 16
#define FIRST 512 /* bytes */
#define KNOWN 64 /* pages of a process that were seen present lately */
#define KNOWN_LASTS 10000000 /* ns */
#define PRESENT (1ULL << 63) /* Documentation/admin-guide/mm/pagemap.rst */
#define SPACES 256

struct space {
	s32 tgid;
	u32 users;
	int pagemap; /* -1: not opened yet, -2: cannot be */
	u64 known[KNOWN];
	u64 until[KNOWN];
	struct space *next;
};

/* A piece of a page that was read. */
struct slot {
	u64 addr;
	u32 size;
	u8 bytes[PAGE];
};

struct reading {
	struct space *space; /* NULL: it is not known */
	bool faulting;
	s32 pid;
	u32 used;
	u32 next;
	bool denied;
	struct slot slots[SLOTS];
};

static struct space *spaces[SPACES];
static _Thread_local struct reading reading;

struct space *space_of(s32 tgid)
{
	struct space **head = &spaces[(u32)tgid % SPACES], *space;

	for (space = *head; space; space = space->next)
		if (space->tgid == tgid) {
			space->users++;
			return space;
		}
	space = calloc(1, sizeof(*space));
	if (!space)
		return NULL;
	space->tgid = tgid;
	space->users = 1;
	space->pagemap = -1;
	space->next = *head;
	*head = space;
	return space;
}

void space_renew(struct space *space)
{
	if (space->pagemap >= 0)
		close(space->pagemap);
	space->pagemap = -1;
	memset(space->until, 0, sizeof(space->until));
}

void space_leave(struct space *space)
{
	struct space **at;

	if (!space || --space->users)
		return;
	for (at = &spaces[(u32)space->tgid % SPACES]; *at != space; at = &(*at)->next)
		;
	*at = space->next;
	space_renew(space);
	free(space);
}

void memory_begin(struct space *space, s32 pid)
{
	reading.space = space;
	reading.faulting = false;
	reading.pid = pid;
	reading.used = reading.next = 0;
	reading.denied = false;
}

void memory_begin_unknown(s32 pid)
{
	memory_begin(NULL, pid);
}

void memory_begin_faulting(s32 pid)
{
	memory_begin(NULL, pid);
	reading.faulting = true;
}

bool memory_denied(void)
{
	return reading.denied;
}

static bool by_pagemap(struct space *space, u64 page, u32 count)
{
	u64 entries[2];
	char path[32];
	u32 i;

	if (space->pagemap == -1) {
		snprintf(path, sizeof(path), "/proc/%d/pagemap", space->tgid);
		space->pagemap = open(path, O_RDONLY | O_CLOEXEC);
		if (space->pagemap < 0)
			space->pagemap = -2;
	}
	if (space->pagemap == -2)
		return false;
	if (pread(space->pagemap, entries, count * 8, page * 8) != count * 8)
		return false;
	for (i = 0; i < count; i++)
		if (!(entries[i] & PRESENT))
			return false;
	return true;
}

/* The kernel says of a page which node it is on: it needs no /proc, and knows of no zero
 * page. unless: where it cannot say. */
static bool by_node(u64 page, u32 count, bool unless)
{
	void *pages[2] = { (void *)(page * PAGE), (void *)((page + 1) * PAGE) };
	int status[2] = { 0, 0 };

	if (syscall(SYS_move_pages, reading.pid, (long)count, pages, NULL, status, 0))
		return unless;
	return status[0] >= 0 && (count == 1 || status[1] >= 0);
}

static bool is_known(struct space *space, u64 page, u64 time)
{
	return space->known[page % KNOWN] == page && space->until[page % KNOWN] > time;
}

/* Whether one or two pages can be read without taking a fault. */
static bool is_present(u64 addr, u32 size)
{
	struct space *space = reading.space;
	u64 page = addr / PAGE, last = (addr + size - 1) / PAGE, time, at;
	u32 count = last - page + 1;
	bool present;

	if (reading.faulting)
		return true;
	if (!space)
		return by_node(page, count, false);
	time = now();
	if (is_known(space, page, time) && is_known(space, last, time))
		return true;
	present = by_pagemap(space, page, count);
	/* Where neither can say, a page that stalls stalls the tracer. */
	if (!present && space->pagemap == -2)
		present = by_node(page, count, true);
	for (at = page; present && at <= last; at++) {
		space->known[at % KNOWN] = at;
		space->until[at % KNOWN] = time + KNOWN_LASTS;
	}
	return present;
}

static long read_now(void *dst, u32 size, u64 addr)
{
	struct iovec here = { dst, size }, there = { (void *)addr, size };
	ssize_t got = process_vm_readv(reading.pid, &here, 1, &there, 1, 0);

	if (got < 0 && (errno == EPERM || errno == ESRCH))
		reading.denied = true;
	return got == size ? 0 : -EFAULT;
}

static struct slot *slot_with(u64 addr, u32 size)
{
	u32 i;

	for (i = 0; i < reading.used; i++) {
		struct slot *slot = &reading.slots[i];

		if (addr >= slot->addr && addr + size <= slot->addr + slot->size)
			return slot;
	}
	return NULL;
}

static struct slot *new_slot(void)
{
	if (reading.used < SLOTS)
		return &reading.slots[reading.used++];
	return &reading.slots[reading.next++ % SLOTS];
}

/* The rest of the page from `addr` on; of the first, which mostly is of a call with one
 * short string, so much as that may need. */
static struct slot *fetch(u64 addr)
{
	u32 size = PAGE - addr % PAGE;
	struct slot *slot;

	if (!reading.used && size > FIRST)
		size = FIRST;
	if (!is_present(addr, 1))
		return NULL;
	slot = new_slot();
	slot->addr = addr;
	slot->size = read_now(slot->bytes, size, addr) ? 0 : size;
	return slot->size ? slot : NULL;
}

long memory_read(void *dst, u32 size, u64 addr)
{
	struct slot *slot = slot_with(addr, size);

	if (!slot && (size > FIRST || addr % PAGE + size > PAGE))
		return addr + size < addr || !is_present(addr, size) ? -EFAULT : read_now(dst, size, addr);
	if (!slot)
		slot = fetch(addr);
	if (!slot)
		return -EFAULT;
	memcpy(dst, slot->bytes + (addr - slot->addr), size);
	return 0;
}

long memory_string(void *dst, u32 room, u64 addr)
{
	u32 done = 0;

	while (done < room) {
		u64 at = addr + done;
		struct slot *slot = slot_with(at, 1);
		const u8 *from, *end;
		u32 have;

		if (!slot)
			slot = fetch(at);
		if (!slot)
			return -EFAULT;
		have = slot->addr + slot->size - at;
		if (have > room - done)
			have = room - done;
		from = slot->bytes + (at - slot->addr);
		end = memchr(from, 0, have);
		if (end)
			have = end + 1 - from;
		memcpy((u8 *)dst + done, from, have);
		done += have;
		if (end)
			return done;
	}
	((u8 *)dst)[room - 1] = 0;
	return room;
}

void memory_expect(const struct range *ranges, u32 count)
{
	struct iovec here[SLOTS], there[SLOTS];
	u32 i, wanted = 0, first = reading.used;
	ssize_t got;

	for (i = 0; i < count && first + wanted < SLOTS; i++) {
		u64 addr = ranges[i].addr;
		u32 size = PAGE - addr % PAGE;
		struct slot *slot = &reading.slots[first + wanted];

		if (size > ranges[i].size)
			size = ranges[i].size;
		if (!size || slot_with(addr, size) || !is_present(addr, 1))
			continue;
		slot->addr = addr;
		slot->size = 0;
		here[wanted] = (struct iovec){ slot->bytes, size };
		there[wanted++] = (struct iovec){ (void *)addr, size };
	}
	if (wanted < 2)
		return; /* the read itself will do */
	got = process_vm_readv(reading.pid, here, wanted, there, wanted, 0);
	for (i = 0; i < wanted && got >= (ssize_t)here[i].iov_len; i++) {
		reading.slots[reading.used++].size = here[i].iov_len;
		got -= here[i].iov_len;
	}
}

static bool fault_in_string(u64 addr)
{
	u8 bytes[PAGE];
	u32 done = 0;

	while (done < PIECE_MAX) {
		u32 size = PAGE - (addr + done) % PAGE;

		if (read_now(bytes, size, addr + done))
			return false;
		if (memchr(bytes, 0, size))
			return true;
		done += size;
	}
	return true;
}

bool memory_fault_in(s32 pid, u64 addr, u32 size)
{
	u8 bytes[PIECE_MAX];

	memory_begin_faulting(pid);
	if (!size)
		return fault_in_string(addr);
	return !read_now(bytes, size < PIECE_MAX ? size : PIECE_MAX, addr);
}
