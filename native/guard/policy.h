/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What faultin and its guard share: the policy, as guard/image.py packs it, the decision that
 * comes with each record, and the orders that are the guard's alone (keeper/shared.h has the
 * others, and the memory through which records go).
 */
#ifndef FAULTIN_POLICY_H
#define FAULTIN_POLICY_H

#include <stdbool.h>

#include "../keeper/shared.h"

enum action {
	ACTION_ALLOW = 0,
	ACTION_LOG = 1, /* allowed, and told */
	ACTION_DENY = 2,
	ACTION_KILL = 3,
};

/* Why a call was decided so. */
enum why {
	WHY_RULE = 0,
	WHY_DEFAULT = 1,
	WHY_FAULT = 2,   /* an input cannot be read */
	WHY_STALLED = 3, /* ... within the time that there is */
	WHY_SIZE = 4,    /* the inputs do not fit into the arena */
	WHY_ROOM = 5,    /* all of the arena is in use, or there is none */
	WHY_DOOR = 6,    /* it could get around the guard */
	WHY_ABI = 7,     /* it came by int 0x80, or with a number of x32 */
	WHY_UNSEALED = 8, /* it is given what cannot be sealed, and the policy does not have that */
};

#define RULE_NONE 0xffff

/* A rule as one system call sees it. */
struct step {
	u16 rule;
	u8 action;
	u8 asks;    /* whether faultin has to say that its condition holds */
	s32 error;  /* a positive errno, for ACTION_DENY */
	u32 code;   /* where its condition is in the code, or 0 */
	u32 resolve; /* RESOLVE_* that the open is to have */
};

enum guarding {
	GUARDED_NOT = 0,
	GUARDED_WATCHED = 1, /* by doors.c, or as a child may come of it; else it is let through */
	GUARDED_DECIDED = 2, /* by the policy */
};

struct guarded_call {
	u32 first; /* of its steps */
	u16 count;
	u8 guarded;
	u8 recorded; /* some step is not ALLOW, or asks: what its inputs are has to be known */
};

struct policy {
	u32 steps;
	u32 code;      /* words of it, behind the steps */
	u32 audits;    /* ALLOW is told too */
	u32 action;    /* what becomes of a guarded call that no rule decides ... */
	s32 error;
	u32 read_ms;   /* ... and of an input that cannot be read for so long: it is denied */
	u32 has_mseal; /* whether the kernel keeps the arena closed */
	u32 io_uring;  /* whether io_uring and aio are left open */
	u32 plans;     /* bytes behind the code, of each plan the arguments that cannot be sealed; 0:
			* they are let be */
	u32 unused;
	u64 secret;    /* the arguments of the call that asks for the arena's descriptor */
	u64 secret2;
	struct guarded_call calls[NUMBERS];
};

/* A piece of each record of the guard, in place of an operation's. */
#define DECISION_OP 0xfffe

struct decision {
	u16 rule;
	u8 action;
	u8 why;
	s32 error; /* positive */
};

enum guard_order {
	ORDER_GUARD = 10,   /* guard this process from its next execve on */
	ORDER_LISTEN = 11,  /* its seccomp listener is its descriptor `value` */
	/* pid: a task; value: the number of the call that was asked about, and above it (32
	 * bits) the step that decides, or RULE_NONE */
	ORDER_DECIDE = 12,
};

extern const struct policy *the_policy;

/* Maps the policy. Returns 0, or -1 with errno set. */
int policy_open(int fd);
/* What the policy has for a call of the native ABI; NULL if nothing. */
const struct guarded_call *policy_call(s64 nr);
const struct step *policy_step(u32 index);
const u64 *policy_code(u32 at);
/* The arguments, as bits, through which a call by this plan is not to be given memory. */
#define UNSEALED_IOCTL 0x80
u32 policy_unsealed(u32 plan);

#endif
