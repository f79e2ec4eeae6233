/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "presence.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "output.h"

#define PAGE 4096ULL
#define KNOWN 64 /* pages of a process that were seen present lately */
#define KNOWN_LASTS 10000000 /* ns */
#define PRESENT (1ULL << 63) /* Documentation/admin-guide/mm/pagemap.rst */
#define SPACES 256
#define AT_ONCE 64 /* pages */

struct space {
	s32 tgid;
	u32 users;
	int pagemap; /* -1: not opened yet, -2: cannot be */
	u64 known[KNOWN];
	u64 until[KNOWN];
	struct space *next;
};

static struct space *spaces[SPACES];

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

static bool by_pagemap(struct space *space, u64 page, u32 count)
{
	u64 entries[AT_ONCE];
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
static bool by_node(s32 pid, u64 page, u32 count, bool unless)
{
	void *pages[2] = { (void *)(page * PAGE), (void *)((page + 1) * PAGE) };
	int status[2] = { 0, 0 };

	if (syscall(SYS_move_pages, pid, (long)count, pages, NULL, status, 0))
		return unless;
	return status[0] >= 0 && (count == 1 || status[1] >= 0);
}

bool presence_now(struct space *space, s32 pid, u64 addr, u64 size)
{
	u64 page = addr / PAGE, pages = (addr + size - 1) / PAGE - page + 1, part;

	for (; pages; page += part, pages -= part) {
		part = pages < AT_ONCE ? pages : AT_ONCE;
		if (space && space->pagemap != -2 && by_pagemap(space, page, part))
			continue;
		if (space && space->pagemap != -2)
			return false;
		part = part < 2 ? part : 2;
		if (!by_node(pid, page, part, false))
			return false;
	}
	return true;
}

static bool is_known(struct space *space, u64 page, u64 time)
{
	return space->known[page % KNOWN] == page && space->until[page % KNOWN] > time;
}

bool presence_of(struct space *space, s32 pid, u64 addr, u32 size)
{
	u64 page = addr / PAGE, last = (addr + size - 1) / PAGE, time, at;
	u32 count = last - page + 1;
	bool present;

	if (last < page) /* behind the last address */
		return false;
	if (!space)
		return by_node(pid, page, count, false);
	time = now();
	if (is_known(space, page, time) && is_known(space, last, time))
		return true;
	present = by_pagemap(space, page, count);
	/* Where neither can say, a page that stalls stalls the tracer. */
	if (!present && space->pagemap == -2)
		present = by_node(pid, page, count, true);
	for (at = page; present && at <= last; at++) {
		space->known[at % KNOWN] = at;
		space->until[at % KNOWN] = time + KNOWN_LASTS;
	}
	return present;
}
