/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a stopped task, copied once into a room of its arena. */
#ifndef FAULTIN_COPY_H
#define FAULTIN_COPY_H

#include "../keeper/memory.h" /* struct range */
#include "arena.h"

enum copied {
	COPIED = 0,
	COPY_ABSENT, /* somebody has to take a fault first: of `absent` */
	COPY_FAULT,  /* it cannot be read */
	COPY_BIG,    /* it does not fit */
	COPY_ROOM,   /* there is no room */
};

struct copying {
	struct space *space;
	s32 pid;
	struct room *room;
	struct range absent;
	struct range touched; /* is taken to be present */
};

/* `size` bytes from `addr` on; *at is where in the room they are. */
enum copied copy_bytes(struct copying *copying, u64 addr, u64 size, u64 *at);
/* A string with its NUL; without one, if it is `limit` bytes long. */
enum copied copy_string(struct copying *copying, u64 addr, u64 limit, u64 *at);
/* An array of pointers which a NULL ends; *count is without that. */
enum copied copy_pointers(struct copying *copying, u64 addr, u64 *at, u64 *count);
/* Room without a copy. */
enum copied copy_nothing(struct copying *copying, u64 size, u64 *at);

/* Into the task. Whether it could be written. */
bool copy_out(s32 pid, const void *from, u64 size, u64 addr);

/* When the read, or write, that is under way has begun, or 0: it may be held up, by a page that went
 * away at the last moment. */
u64 copy_since(void);
/* Touches every page: for threads that may be held up. Whether they are there. */
bool copy_touch(s32 pid, const struct range *range);

#endif
