/* SPDX-License-Identifier: Apache-2.0 */
/* Calls said(text, n): `says cold` once with a text whose page is not present, `says N` in two
 * processes, N times each, with the numbers from 0 (and from N in the child). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((noinline)) void said(const char *text, unsigned n)
{
	asm volatile("" : : "r"(text), "r"(n) : "memory");
}

static int present(const void *at)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (pread(fd, &entry, 8, (uintptr_t)at / 4096 * 8) != 8)
		exit(3);
	close(fd);
	return entry >> 63;
}

static int cold(void)
{
	int fd = memfd_create("says", 0);
	char *map;

	if (ftruncate(fd, 1 << 20) || pwrite(fd, "from a cold page", 17, 64 * 4096) != 17)
		return 2;
	map = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE, fd, 0);
	madvise(map, 1 << 20, MADV_RANDOM);
	if (present(map + 64 * 4096))
		return 4;
	said(map + 64 * 4096, 7);
	said((char *)16, 8);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned n = atoi(argv[1]), first, i;
	pid_t child;

	if (!strcmp(argv[1], "cold"))
		return cold();
	child = fork();
	first = child ? 0 : n;
	for (i = 0; i < n; i++)
		said("many", first + i);
	return child ? waitpid(child, NULL, 0) != child : 0;
}
