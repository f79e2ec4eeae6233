/* SPDX-License-Identifier: Apache-2.0 */
/* Where the bytes lie: read-only and writable data of a big program, bss, files, the page cache or disk. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

/* 2 MiB on either side that nothing touches: no fault, and no folio, of a neighbour brings the text in. */
enum { AROUND = 2 << 20 };

struct island {
	char before[AROUND];
	char text[4096];
	char behind[AROUND];
};

static const struct island in_rodata __attribute__((section(".rodata.island"))) = {.text = "missing-in-rodata"};
static struct island in_data __attribute__((section(".data.island"))) = {.text = "missing-in-data"};
static struct island in_bss;

static void open_and_write(const char *name, char *at, size_t len, bool writable)
{
	const char *path = at;
	char copy[64];
	int fd = dev_null();

	snprintf(copy, sizeof(copy), "%s", path);
	begin(json("openat_%s", name));
	expect_path("filename", copy);
	CALL(openat, AT_FDCWD, watch("filename", at, strlen(copy) + 1, writable), O_RDONLY);
	fails(ENOENT);

	begin(json("write_%s", name));
	expect_bytes("buf", at, len);
	CALL(write, fd, watch("buf", at, len, writable), len);
	works();
	close(fd);
}

/* This program's own file, mapped once more. */
static void remapped_program(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	off_t size = lseek(fd, 0, SEEK_END);
	char *map = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	char *at;

	if (map == MAP_FAILED || madvise(map, (size_t)size, MADV_RANDOM))
		die("cannot map the program file");
	posix_fadvise(fd, 0, size, POSIX_FADV_DONTNEED);
	at = memmem(map, (size_t)size, in_rodata.text, strlen(in_rodata.text) + 1);
	if (!at)
		die("the program file does not hold its own text");
	open_and_write("program_file", at, 64, false);
	munmap(map, (size_t)size);
	close(fd);
}

static char *map_private(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *map = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	if (map == MAP_FAILED || madvise(map, page_size, MADV_RANDOM))
		die("cannot map %s", path);
	close(fd);
	return map;
}

enum { PAGED_SIZE = 2048 };

static void make_paged_file(void)
{
	static const char content[PAGED_SIZE] = "missing-in-file";
	int fd = open("paged", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, content, PAGED_SIZE) != PAGED_SIZE || fsync(fd))
		die("cannot write the file to map");
	close(fd);
}

static void file_page(void)
{
	char *map;

	make_paged_file();
	map = map_private("paged");
	open_and_write("file_page", map, PAGED_SIZE, true);
	munmap(map, page_size);
}

/* Out of the page cache too, where the file system can evict: the fault has to wait for the disk. */
static void evicted_page(void)
{
	char *map = map_private("paged");
	int fd = open("paged", O_RDONLY | O_CLOEXEC);

	madvise(map, page_size, MADV_DONTNEED);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	begin("openat_evicted_page");
	expect_path("filename", "missing-in-file");
	CALL(openat, AT_FDCWD, watch("filename", map, 16, true), O_RDONLY);
	fails(ENOENT);
	close(fd);
	munmap(map, page_size);
}

static void bss(void)
{
	int fd = dev_null();

	begin("openat_bss_empty_string");
	expect_path("filename", "");
	CALL(openat, AT_FDCWD, watch("filename", in_bss.text, 1, true), O_RDONLY);
	fails(ENOENT);

	begin("write_bss_zeros");
	expect_bytes("buf", "\0\0\0\0\0\0\0\0", 8);
	CALL(write, fd, watch("buf", in_bss.text, 8, true), 8);
	works();
	close(fd);
}

void cases_where(void)
{
	open_and_write("rodata", (char *)in_rodata.text, 64, false);
	open_and_write("data", in_data.text, 64, true);
	bss();
	remapped_program();
	file_page();
	evicted_page();
}
