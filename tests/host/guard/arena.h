/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs that try the guard have in common. Each prints one line a try: a word,
 * and how that went: "ok", "closed", the name of an errno, or "OPEN" if it got through. */
#ifndef GUARD_ARENA_H
#define GUARD_ARENA_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct arena_place {
	uintptr_t addr;
	size_t size;
	bool sealed; /* read-only and shared */
};

/* Where the guard's memory is in this process; addr 0: nowhere. */
static inline struct arena_place arena(void)
{
	struct arena_place found = { 0 };
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char line[512], rights[8];

	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "memfd:sealed") && sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3) {
			found.sealed = (!found.addr || found.sealed) && !strcmp(rights, "r--s");
			if (!found.addr)
				found.addr = from;
			found.size = to - found.addr;
		}
	if (maps)
		fclose(maps);
	return found;
}

static inline void say(const char *what, const char *how)
{
	printf("%s %s\n", what, how);
	fflush(stdout);
}

/* How a call went that must not succeed. */
static inline void say_failed(const char *what, long ret)
{
	say(what, ret < 0 ? strerrorname_np(errno) : "OPEN");
}

/* Whether a file can be opened: the policy forbids one whose name is "forbidden". */
static inline void say_open(const char *what, const char *path)
{
	int fd = open(path, O_RDONLY);

	say(what, fd < 0 ? strerrorname_np(errno) : "ok");
	if (fd >= 0)
		close(fd);
}

#endif
