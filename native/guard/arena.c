/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "arena.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* commit ab3948f58ff8 ("mm/memfd: add an F_SEAL_FUTURE_WRITE seal to memfd") (in v5.1) */
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#define SEALS (F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* The writable mapping comes first: the seal lets it be, and no other. */
static bool open_memory(struct arena *arena)
{
	if (ftruncate(arena->fd, ARENA_SIZE))
		return false;
	arena->base = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, arena->fd, 0);
	if (arena->base == MAP_FAILED)
		return false;
	if (!fcntl(arena->fd, F_ADD_SEALS, SEALS))
		return true;
	munmap(arena->base, ARENA_SIZE);
	return false;
}

struct arena *arena_new(void)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (!arena)
		return NULL;
	arena->users = 1;
	arena->fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (arena->fd >= 0 && open_memory(arena))
		return arena;
	if (arena->fd >= 0)
		close(arena->fd);
	free(arena);
	return NULL;
}

struct arena *arena_share(struct arena *arena)
{
	if (arena)
		arena->users++;
	return arena;
}

void arena_leave(struct arena *arena)
{
	if (!arena || --arena->users)
		return;
	munmap(arena->base, ARENA_SIZE);
	if (arena->fd >= 0)
		close(arena->fd);
	free(arena);
}

static bool take_bit(u64 *words, u32 count, u32 *bit)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (~words[i]) {
			*bit = 64 * i + __builtin_ctzll(~words[i]);
			words[i] |= 1ULL << *bit % 64;
			return true;
		}
	return false;
}

static u64 offset_of(u32 bit, bool large)
{
	return large ? ROOMS_SMALL * ROOM_SMALL + bit * ROOM_LARGE : bit * ROOM_SMALL;
}

bool room_take(struct arena *arena, bool large, struct room *room)
{
	u64 absent = ~0ULL << ROOMS_LARGE, words = arena->large | absent;
	u32 bit;

	if (large ? !take_bit(&words, 1, &bit) : !take_bit(arena->small, ROOMS_SMALL / 64, &bit))
		return false;
	if (large)
		arena->large = words & ~absent;
	*room = (struct room){
		.base = arena->base + offset_of(bit, large),
		.addr = arena->addr + offset_of(bit, large),
		.size = large ? ROOM_LARGE : ROOM_SMALL,
	};
	return true;
}

void room_return(struct arena *arena, struct room *room)
{
	u64 offset;

	if (!room->base)
		return;
	offset = room->base - arena->base;
	memset(room->base, 0, room->high);
	if (room->size == ROOM_LARGE)
		arena->large &= ~(1ULL << (offset - ROOMS_SMALL * ROOM_SMALL) / ROOM_LARGE);
	else
		arena->small[offset / ROOM_SMALL / 64] &= ~(1ULL << offset / ROOM_SMALL % 64);
	room->base = NULL;
}
