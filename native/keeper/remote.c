/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In: wishes on stdin, each a record's head and where its stack begins. Out: on stdout, for
 * each the size of its pieces and then these. A page may stall whoever touches it, for ever, and nothing but a
 * signal ends that: so it is a process, which faultin kills when it takes too long.
 */
#define _GNU_SOURCE
#include "remote.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "capture.h"
#include "output.h"

struct wish {
	struct record record;
	u64 sp; /* 0 where stacks are not wanted */
};

static struct {
	u8 *bytes;
	u64 size, room;
} reply;

/* All of it, or the end. */
static void write_all(const void *data, u64 size)
{
	while (size) {
		ssize_t done = write(STDOUT_FILENO, data, size);

		if (done <= 0)
			exit(1);
		data = (const u8 *)data + done;
		size -= done;
	}
}

static bool read_all(void *data, u64 size)
{
	while (size) {
		ssize_t done = read(STDIN_FILENO, data, size);

		if (done <= 0)
			return false;
		data = (u8 *)data + done;
		size -= done;
	}
	return true;
}

static int collect(const void *data, u32 size, bool urgent)
{
	u32 pieces = size - sizeof(struct record);

	if (reply.size + pieces > reply.room) {
		u64 room = 2 * (reply.size + pieces);
		u8 *bytes = realloc(reply.bytes, room);

		if (!bytes)
			return -1;
		reply.bytes = bytes;
		reply.room = room;
	}
	memcpy(reply.bytes + reply.size, (const u8 *)data + sizeof(struct record), pieces);
	reply.size += pieces;
	return 0;
}

int remote_main(char **words)
{
	struct wish wish;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (trace_open(atoi(words[0])))
		return 1;
	while (read_all(&wish, sizeof(wish))) {
		reply.size = 0;
		call_again(&wish.record, wish.sp, collect);
		write_all(&reply.size, sizeof(reply.size));
		write_all(reply.bytes, reply.size);
	}
	return 0;
}
