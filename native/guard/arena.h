/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arena: memory that a guarded process can read and nobody but the guard can write. It
 * is a memfd, which the guard maps writable and then seals (F_SEAL_FUTURE_WRITE), so that no
 * other writable mapping of it can come to be.
 *
 * A room in it holds the inputs of one call. Most calls have room in a small one; there are
 * a few large ones.
 */
#ifndef FAULTIN_ARENA_H
#define FAULTIN_ARENA_H

#include <stdbool.h>

#include "../../bpf/wire.h"

#define ROOM_SMALL (16ULL << 10)
#define ROOM_LARGE (16ULL << 20)
#define ROOMS_SMALL 1024
#define ROOMS_LARGE 8
#define ARENA_SIZE (ROOMS_SMALL * ROOM_SMALL + ROOMS_LARGE * ROOM_LARGE)

struct arena {
	int fd;
	u8 *base;   /* in the guard */
	u64 addr;   /* in the process */
	u32 users;  /* tasks */
	u64 small[ROOMS_SMALL / 64]; /* a bit for each that is in use */
	u64 large;
};

struct room {
	u8 *base;  /* NULL: there is none */
	u64 addr;  /* in the process */
	u64 size;
	u64 used;
	u64 high;  /* bytes that may not be zero */
};

/* A new one with one user; NULL, with errno set. */
struct arena *arena_new(void);
struct arena *arena_share(struct arena *arena);
void arena_leave(struct arena *arena);

/* Whether there was one. */
bool room_take(struct arena *arena, bool large, struct room *room);
/* Empties it. */
void room_return(struct arena *arena, struct room *room);

#endif
