/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What faultin and its keeper share: a memfd, laid out as the map of a BPF ring buffer is
 * seen (a page with the consumer's position, one with the producer's, then the data), and
 * behind it a page of counters. src/faultin/engines/keeper.py mirrors it.
 */
#ifndef FAULTIN_SHARED_H
#define FAULTIN_SHARED_H

#include "../../bpf/wire.h"

#define SHARED_PAGE 4096

enum notice {
	NOTICE_PRIVILEGE = 1, /* a setuid program runs without its privilege: `path` */
	NOTICE_PTRACE = 2,    /* a traced program uses ptrace itself */
	/* of the guard: */
	NOTICE_ARENA = 4,     /* a program got no arena: `pid` */
	NOTICE_STALLED = 8,   /* the guard was held up by a page, and has ended */
	NOTICE_NARROW = 16,   /* a program of another ABI cannot run: `pid` */
};

struct keeper_page {
	struct shared shared;
	u32 notices;
	u32 pid; /* of the first traced program that uses ptrace */
	char path[256];
};

/* What the trace fixes: struct config, plans, operations, variants, end to end. */
struct image {
	u32 config, plans, ops, variants; /* bytes of each */
};

enum order_kind {
	/* Trace this process from its next execve on. value: whether it has a seccomp filter
	 * that stops its traced calls; without one, every call stops. */
	ORDER_COMMAND = 1,
	ORDER_FOLLOW = 2,  /* trace a running process */
	ORDER_BLOCKED = 3, /* report calls that began before `value` */
	/* Report calls that have not returned. No records from here on: let the tasks go. */
	ORDER_QUIET = 4,
};

struct order {
	u32 kind;
	u32 pid;
	u64 value;
};

#endif
