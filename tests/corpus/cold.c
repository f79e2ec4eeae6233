/* SPDX-License-Identifier: Apache-2.0 */
/* See cold.h. The arena is one sparse memfd, mapped privately. */
#define _GNU_SOURCE
#include "cold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "expect.h"

/*
 * One fault maps up to 64 KiB around it (fault_around_bytes), so slots are that far apart. Slots are
 * used in turn, so that a tracer which reads late still finds what the call was given.
 */
enum { SLOT = 64 * 1024, SLOTS = 4096, MOST_PAGES = 512, TRIES = 50 };

struct page {
	char *start;
	const char *label;
	bool keep;     /* present even when cold */
	bool writable;
	bool absent;   /* as last seen */
};

enum mode mode;
size_t page_size;

static int arena_fd, pagemap_fd;
static char *arena, *anonymous;
static size_t next_slot;
static struct page pages[MOST_PAGES];
static size_t page_count;

static char *map_aligned(int fd, int flags)
{
	size_t len = (size_t)SLOT * SLOTS;
	char *spare = mmap(NULL, len + SLOT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *start = (char *)(((uintptr_t)spare + SLOT - 1) & ~(uintptr_t)(SLOT - 1));
	char *map = mmap(start, len, PROT_READ | PROT_WRITE, flags | MAP_FIXED | MAP_NORESERVE, fd, 0);

	if (spare == MAP_FAILED || map == MAP_FAILED)
		die("cannot map %zu bytes", len);
	/* A folio of 2 MiB would be mapped whole by one fault. Without THP in the kernel: EINVAL, and no need. */
	if (madvise(map, len, MADV_NOHUGEPAGE) && errno != EINVAL)
		die("madvise(MADV_NOHUGEPAGE)");
	if (madvise(map, len, MADV_RANDOM))
		die("madvise(MADV_RANDOM)");
	return map;
}

void cold_in_child(void)
{
	close(pagemap_fd);
	pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pagemap_fd < 0)
		die("cannot open /proc/self/pagemap (mount /proc; the program file must be readable)");
}

void cold_start(enum mode wanted)
{
	mode = wanted;
	page_size = (size_t)sysconf(_SC_PAGESIZE);
	pagemap_fd = -1;
	cold_in_child();
	arena_fd = memfd_create("corpus-arena", MFD_CLOEXEC);
	if (arena_fd < 0 || ftruncate(arena_fd, (off_t)SLOT * SLOTS))
		die("cannot make the arena");
	arena = map_aligned(arena_fd, MAP_PRIVATE);
	anonymous = map_aligned(-1, MAP_PRIVATE | MAP_ANONYMOUS);
}

void cold_forget(void)
{
	page_count = 0;
}

static void watch_page(char *start, const char *label, bool keep, bool writable)
{
	if (page_count == MOST_PAGES)
		die("more than %d pages in one case", MOST_PAGES);
	pages[page_count++] = (struct page){start, label, keep, writable, false};
}

static void watch_range(const char *label, const void *start, size_t len, bool keep_first, bool writable)
{
	uintptr_t first = (uintptr_t)start & ~(uintptr_t)(page_size - 1);
	uintptr_t end = (uintptr_t)start + (len ? len : 1);

	for (uintptr_t page = first; page < end; page += page_size)
		watch_page((char *)page, label, keep_first && page == first, writable);
}

void *watch(const char *label, const void *start, size_t len, bool writable)
{
	watch_range(label, start, len, false, writable);
	return (void *)start;
}

static size_t take_slot(size_t len)
{
	if (len > SLOT)
		die("%zu bytes do not fit a slot", len);
	return SLOT * (next_slot++ % SLOTS);
}

/*
 * Writes to the file below the mapping, so that dropping the page brings these bytes back. Zeros behind
 * them: whoever reads past the end of a string must not meet an earlier case.
 */
static char *fill_slot(size_t offset, const void *data, size_t len)
{
	static const char zeros[SLOT];
	size_t slot = take_slot(offset + len);
	size_t whole = (offset + len + page_size) / page_size * page_size;

	if (pwrite(arena_fd, zeros, whole < SLOT ? whole : SLOT, (off_t)slot) < 0 ||
	    (len && pwrite(arena_fd, data, len, (off_t)(slot + offset)) != (ssize_t)len))
		die("cannot write the arena");
	/* A page written to in an earlier round would still show what it was given then. */
	if (madvise(arena + slot, SLOT, MADV_DONTNEED))
		die("madvise(%p, MADV_DONTNEED)", (void *)(arena + slot));
	return arena + slot + offset;
}

void *place_at(const char *label, size_t offset, const void *data, size_t len)
{
	char *start = fill_slot(offset, data, len);

	watch_range(label, start, len, false, true);
	return start;
}

void *place(const char *label, const void *data, size_t len)
{
	return place_at(label, 0, data, len);
}

void *place_split(const char *label, const void *data, size_t len)
{
	char *start = fill_slot(page_size - len / 2, data, len);

	watch_range(label, start, len, true, true);
	return start;
}

void *room(const char *label, size_t len)
{
	static const char zeros[SLOT];

	return place(label, zeros, len);
}

void *room_anonymous(const char *label, size_t len)
{
	char *start = anonymous + take_slot(len);

	watch_range(label, start, len, false, true);
	return start;
}

static bool is_present(const char *start)
{
	uint64_t entry;
	off_t at = (off_t)((uintptr_t)start / page_size * sizeof(entry));

	if (pread(pagemap_fd, &entry, sizeof(entry), at) != sizeof(entry))
		die("cannot read /proc/self/pagemap at %p", (const void *)start);
	return entry >> 63;
}

static bool wants_present(const struct page *page)
{
	return mode == WARM || page->keep;
}

static void touch(const struct page *page)
{
	volatile char *byte = page->start;
	char value = *byte;

	if (page->writable)
		*byte = value;
}

static void drop(const struct page *page)
{
	if (madvise(page->start, page_size, MADV_DONTNEED))
		die("madvise(%p, MADV_DONTNEED)", (void *)page->start);
}

/* Touching one page may map its neighbours, so first those that stay, then drop the others. */
static void settle(void)
{
	for (size_t i = 0; i < page_count; i++)
		drop(&pages[i]);
	for (size_t i = 0; i < page_count; i++)
		if (wants_present(&pages[i]))
			touch(&pages[i]);
	for (size_t i = 0; i < page_count; i++)
		if (!wants_present(&pages[i]))
			drop(&pages[i]);
}

static const struct page *first_wrong(void)
{
	for (size_t i = 0; i < page_count; i++) {
		bool present = is_present(pages[i].start);

		pages[i].absent = !present;
		if (present != wants_present(&pages[i]))
			return &pages[i];
	}
	return NULL;
}

void cold_arm(void)
{
	const struct page *wrong = NULL;

	for (int try = 0; try < TRIES; try++) {
		settle();
		wrong = first_wrong();
		if (!wrong)
			return;
	}
	errno = 0;
	die("the page of %s at %p is %s after %d tries, and should %s", wrong->label, (void *)wrong->start,
	    wrong->absent ? "absent" : "present", TRIES, wrong->absent ? "be present" : "not");
}

char *cold_report(void)
{
	struct object report = {0};

	for (size_t i = 0; i < page_count; i++) {
		bool absent = pages[i].absent;
		size_t next = i + 1;

		for (; next < page_count && !strcmp(pages[next].label, pages[i].label); next++)
			absent |= pages[next].absent;
		object_add(&report, pages[i].label, absent ? "true" : "false");
		i = next - 1;
	}
	return object_text(&report);
}
