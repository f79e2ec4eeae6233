/* SPDX-License-Identifier: Apache-2.0 */
/* What the guard knows of a task, beside what any tracer does (keeper/tasks.h). */
#ifndef FAULTIN_GUARDED_H
#define FAULTIN_GUARDED_H

#include "../keeper/tasks.h"
#include "arena.h"
#include "policy.h"

enum doing {
	DOING_NOTHING = 0, /* runs, or stands in a stop that is no call's */
	DOING_START,       /* the command before its execve: its calls are ours */
	DOING_BIRTH,       /* stands still until its parent's stop has told whose child it is */
	DOING_FIRST,       /* the other way round: its first stop is still to come */
	DOING_READ,        /* its call waits for a page */
	DOING_ASK,         /* ... for faultin's word */
	DOING_CALL,        /* its call runs */
	DOING_EXEC,        /* execve has succeeded, and not returned */
};

/* An input in the room: of the plan's operation of that number. size 0: there is none. */
struct span {
	u64 at;
	u64 size;
};

struct guarded {
	enum doing doing;
	struct arena *arena;
	u64 site;   /* of a `syscall` instruction in the program (inject.h), once it is known */
	bool fresh; /* its memory is a copy of its parent's: it is to get an arena of its own */
	struct room room;
	struct entered made;   /* the call, as the program's registers have it */
	struct entered passed; /* ... and as it is decided: sendmmsg has become sendmsg */
	struct entered sealed; /* as the kernel is to see it */
	struct span spans[OPS_MAX];
	u64 begun;             /* ns, when its call came, while it is read */
	struct range touched;  /* what a reader has just touched */
	struct decision decision;
	u32 asked;             /* seq of the call that faultin was asked about */
	bool told;             /* whether its record is sent when it returns */
	bool messages;         /* sendmmsg, made into sendmsg */
};

#endif
