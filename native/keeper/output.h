/* SPDX-License-Identifier: Apache-2.0 */
/* The producer's side of the ring buffer that faultin reads (native/ring.c). */
#ifndef FAULTIN_OUTPUT_H
#define FAULTIN_OUTPUT_H

#include <stdbool.h>
#include <time.h>

#include "shared.h"

/* The constants of the trace, as codegen/plan.py packs them. */
struct trace {
	const struct config *config;
	const struct plan *plans;
	const struct op *ops;
	const struct variant *variants;
};

struct output {
	const u64 *consumer;
	u64 *producer;
	u8 *data;
	u64 mask;
	u64 position;
	u64 wake_bytes;
	int wake; /* an eventfd */
	struct keeper_page *page;
};

extern struct trace the_trace;
extern struct output the_output;

/* Maps the constants of a trace. Returns 0, or -1 with errno set. */
int trace_open(int fd);
/* Maps a ring buffer of `size` bytes and the page behind it. The same. */
int output_open(int fd, u64 size, int wake);
/* One record. Returns -1 when there is no room for it, which is counted. */
int output_send(const void *data, u32 size, bool urgent);

/* Whether there is room for a record of this size. */
bool output_has_room(u32 size);

static inline u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

#endif
