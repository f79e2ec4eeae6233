/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "memory.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "presence.h"

#define PAGE 4096ULL
#define SLOTS 16
#define FIRST 512 /* bytes */

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

static _Thread_local struct reading reading;

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

/* Whether one or two pages can be read without taking a fault, or faults may be taken. */
static bool is_present(u64 addr, u32 size)
{
	return reading.faulting || presence_of(reading.space, reading.pid, addr, size);
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

		/* No sums: an address may be the last there is. */
		if (addr >= slot->addr && size <= slot->size && addr - slot->addr <= slot->size - size)
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
