/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "output.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER 8

struct trace the_trace;
struct output the_output;

int trace_open(int fd)
{
	const struct image *image;
	const u8 *at;
	struct stat st;

	if (fstat(fd, &st))
		return -1;
	image = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (image == MAP_FAILED)
		return -1;
	at = (const u8 *)(image + 1);
	the_trace.config = (const void *)at;
	the_trace.plans = (const void *)(at += image->config);
	the_trace.ops = (const void *)(at += image->plans);
	the_trace.variants = (const void *)(at + image->ops);
	return 0;
}

/* The data twice, end to end, so that every record lies in one piece. */
int output_open(int fd, u64 size, int wake)
{
	const u64 all = 2 * SHARED_PAGE + 2 * size;
	u8 *base = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	void *page = mmap(NULL, SHARED_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2 * SHARED_PAGE + size);

	if (base == MAP_FAILED || page == MAP_FAILED)
		return -1;
	if (mmap(base + 2 * SHARED_PAGE + size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 2 * SHARED_PAGE) == MAP_FAILED)
		return -1;
	the_output = (struct output){
		.consumer = (u64 *)base,
		.producer = (u64 *)(base + SHARED_PAGE),
		.data = base + 2 * SHARED_PAGE,
		.mask = size - 1,
		.wake_bytes = size / 8,
		.wake = wake,
		.page = page,
	};
	return 0;
}

static void wake_consumer(void)
{
	u64 one = 1;

	if (write(the_output.wake, &one, sizeof(one)) < 0)
		return; /* it counts to the full: the consumer has been woken often enough */
}

bool output_has_room(u32 size)
{
	u64 filled = the_output.position - __atomic_load_n(the_output.consumer, __ATOMIC_ACQUIRE);

	return filled + HEADER + (((u64)size + 7) & ~7ULL) <= the_output.mask + 1;
}

int output_send(const void *data, u32 size, bool urgent)
{
	struct output *out = &the_output;
	u64 need = HEADER + (((u64)size + 7) & ~7ULL);
	u64 filled = out->position - __atomic_load_n(out->consumer, __ATOMIC_ACQUIRE);
	u8 *at = out->data + (out->position & out->mask);

	if (filled + need > out->mask + 1) {
		out->page->shared.lost_ring++;
		return -1;
	}
	*(u64 *)at = size;
	memcpy(at + HEADER, data, size);
	out->position += need;
	__atomic_store_n(out->producer, out->position, __ATOMIC_RELEASE);
	if (urgent || (filled <= out->wake_bytes && filled + need > out->wake_bytes) ||
	    (the_trace.config->triggers && !filled))
		wake_consumer();
	return 0;
}
