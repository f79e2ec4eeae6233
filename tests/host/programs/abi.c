/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls by the other ways into an x86-64 kernel: int 0x80 with the numbers and layouts of
 * i386, and numbers with the bit of x32. What they pass lies in pages below 4 GiB that
 * are in no page table yet: they map a file. It stays there for as long as argv[1] says,
 * in seconds. `try` makes one call, of int 0x80.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096
#define X32 0x40000000

static int file;
static uint32_t next; /* the page that is handed out next, by its address */

static long i386(long nr, long a, long b, long c, long d)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
			 : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

/* The address of a page that begins with these bytes, and that nobody has touched. */
static uint32_t cold(const void *bytes, size_t size)
{
	static char *pages;
	static int count;

	if (!pages) {
		pages = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_32BIT, file, 0);
		if (pages == MAP_FAILED)
			exit(99);
		madvise(pages, 64 * PAGE, MADV_RANDOM);
		next = (uintptr_t)pages;
	}
	if (pwrite(file, bytes, size, (off_t)count++ * PAGE) != (ssize_t)size)
		exit(98);
	next += PAGE;
	return next - PAGE;
}

static uint32_t cold_text(const char *text)
{
	return cold(text, strlen(text) + 1);
}

int main(int count, char **words)
{
	uint32_t vector[4], argv[3], socket[3] = { 1, 1, 0 }, delay[2] = { 0, 1000 };

	if (count == 2 && !strcmp(words[1], "try"))
		return i386(20, 0, 0, 0, 0) != getpid();
	file = memfd_create("pages", 0);
	if (count != 2 || ftruncate(file, 64 * PAGE))
		return 99;
	i386(5, cold_text("/abi/open"), O_RDONLY, 0, 0);
	i386(295, AT_FDCWD, cold_text("/abi/openat"), O_RDONLY, 0);
	i386(195, cold_text("/"), cold("", 1), 0, 0);
	vector[0] = cold_text("first");
	vector[1] = 5;
	vector[2] = cold_text("second");
	vector[3] = 6;
	i386(146, memfd_create("out", 0), cold(vector, sizeof(vector)), 2, 0);
	argv[0] = cold_text("zero");
	argv[1] = cold_text("one");
	argv[2] = 0;
	i386(11, cold_text("/abi/execve"), cold(argv, sizeof(argv)), 0, 0);
	i386(102, 1, cold(socket, sizeof(socket)), 0, 0);
	i386(162, cold(delay, sizeof(delay)), 0, 0, 0);
	i386(19, file, -7, SEEK_SET, 0);
	i386(999, 1, 2, 3, 4);
	syscall(X32 | SYS_openat, AT_FDCWD, (long)cold_text("/abi/x32"), O_RDONLY);
	syscall(X32 | SYS_readv, 1, 2, 3);
	syscall(400, 1, 2, 3);
	sleep(atoi(words[1]));
	return 0;
}
