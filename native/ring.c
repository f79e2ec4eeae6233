/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The consumer's side of a BPF ring buffer: copies whole records out in
 * batches, with Python's lock released, so that a slow sink never holds up the
 * buffer. Layout and protocol: Documentation/bpf/ringbuf.rst.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../bpf/wire.h"

#define BUSY (1u << 31)
#define DISCARD (1u << 30)
#define HEADER 8
#define SKIP_MAX 4096

struct ring {
	uint64_t *consumer;
	const uint64_t *producer;
	const uint8_t *data;
	uint64_t mask;
	long page;
	int epoll;
	uint64_t next; /* where to read on: the length of a busy record is known, so that */
	uint32_t skip; /* up to so many may be skipped; */
	uint32_t skipped;
	uint64_t busy[SKIP_MAX]; /* their space is free only once they have been read */
};

void faultin_ring_close(struct ring *ring)
{
	if (!ring)
		return;
	if (ring->consumer != MAP_FAILED)
		munmap(ring->consumer, ring->page);
	if (ring->producer != MAP_FAILED)
		munmap((void *)ring->producer, ring->page + 2 * (ring->mask + 1));
	if (ring->epoll >= 0)
		close(ring->epoll);
	free(ring);
}

/* Plain memory in a map's place does not show its data twice, end to end, by itself. */
static int map_again(const struct ring *ring, int fd, uint64_t size)
{
	return mmap((void *)(ring->data + size), size, PROT_READ, MAP_SHARED | MAP_FIXED, fd,
		    2 * ring->page) == MAP_FAILED;
}

/* NULL with errno set, or a ring over the map `fd` of `size` bytes. `skip`: read on
 * behind records that are still being written, and come back to them. `wake`: the
 * eventfd that tells of records, where `fd` is no map but a memfd laid out like one, or
 * -1. */
struct ring *faultin_ring_open(int fd, uint64_t size, int skip, int wake)
{
	/* By edge: what waits without having woken anybody is not what is waited for. */
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct ring *ring = calloc(1, sizeof(*ring));
	int err;

	if (!ring)
		return NULL;
	ring->page = sysconf(_SC_PAGESIZE);
	ring->mask = size - 1;
	ring->consumer = mmap(NULL, ring->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ring->producer = mmap(NULL, ring->page + 2 * size, PROT_READ, MAP_SHARED, fd, ring->page);
	ring->data = (const uint8_t *)ring->producer + ring->page;
	ring->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (ring->consumer != MAP_FAILED && ring->producer != MAP_FAILED && ring->epoll >= 0 &&
	    !(wake >= 0 && map_again(ring, fd, size)) &&
	    !epoll_ctl(ring->epoll, EPOLL_CTL_ADD, wake < 0 ? fd : wake, &event)) {
		ring->next = *ring->consumer;
		ring->skip = skip ? SKIP_MAX : 0;
		return ring;
	}
	err = errno;
	faultin_ring_close(ring);
	errno = err;
	return NULL;
}

/* From now on whoever waits for records is woken by this eventfd, too. Returns 0, or -1
 * with errno set. */
int faultin_ring_listen(struct ring *ring, int bell)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	return epoll_ctl(ring->epoll, EPOLL_CTL_ADD, bell, &event);
}

/* The bytes of records that are there, and have not been read. */
uint64_t faultin_ring_waiting(const struct ring *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE) - ring->next;
}

static uint32_t length_at(const struct ring *ring, uint64_t position)
{
	const uint8_t *record = ring->data + (position & ring->mask);

	return __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
}

static uint64_t size_of(uint32_t length)
{
	return HEADER + (((uint64_t)(length & ~(BUSY | DISCARD)) + 7) & ~7ULL);
}

/* One record that is no more busy to `out`, unless it was discarded. Returns 0, or
 * -1 if there is no room for it. */
static int take(const struct ring *ring, uint64_t position, uint32_t length, uint8_t *out,
		uint64_t room, uint64_t *copied)
{
	uint64_t size = size_of(length);

	if (length & DISCARD)
		return 0;
	if (*copied + size > room)
		return -1;
	memcpy(out + *copied, ring->data + (position & ring->mask), size);
	*copied += size;
	return 0;
}

/* Of the records that were skipped as busy, those that are so no more. */
static int take_skipped(struct ring *ring, uint8_t *out, uint64_t room, uint64_t *copied)
{
	uint32_t kept = 0, i;
	int full = 0;

	for (i = 0; i < ring->skipped; i++) {
		uint64_t position = ring->busy[i];
		uint32_t length = length_at(ring, position);

		if (!full && !(length & BUSY) && !(full = take(ring, position, length, out, room, copied)))
			continue;
		ring->busy[kept++] = position;
	}
	ring->skipped = kept;
	return full;
}

/* Waits as many ms, or until somebody is woken. */
void faultin_ring_wait(struct ring *ring, int timeout)
{
	struct epoll_event event;

	epoll_wait(ring->epoll, &event, 1, timeout);
}

/* Copies records to `out`, each as the ring holds it: 8 bytes whose first four
 * are its length, then its bytes padded to 8. Returns the bytes copied; waits
 * `timeout` ms when there are none; -1 if the first does not fit into `room`. */
int64_t faultin_ring_drain(struct ring *ring, uint8_t *out, uint64_t room, int timeout)
{
	uint64_t copied = 0, producer;
	int full;

	producer = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
	if (ring->next == producer && timeout) {
		faultin_ring_wait(ring, timeout);
		producer = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
	}
	full = take_skipped(ring, out, room, &copied);
	while (!full && ring->next < producer) {
		uint32_t length = length_at(ring, ring->next);

		if (!(length & BUSY))
			full = take(ring, ring->next, length, out, room, &copied);
		else if (ring->skipped < ring->skip)
			ring->busy[ring->skipped++] = ring->next;
		else
			break;
		if (!full)
			ring->next += size_of(length);
	}
	__atomic_store_n(ring->consumer, ring->skipped ? ring->busy[0] : ring->next, __ATOMIC_RELEASE);
	return full && !copied ? -1 : copied;
}

/* Where in what was drained are calls whose memory was absent, and may still be read by
 * somebody else: those that have all their pieces here. Returns how many, `most` at the
 * most. */
int64_t faultin_ring_incomplete(const uint8_t *drained, uint64_t size, uint64_t *found, int64_t most)
{
	uint64_t at = 0;
	int64_t n = 0;

	while (at < size && n < most) {
		const struct record *record = (const struct record *)(drained + at + HEADER);

		if ((record->type & ~(RECORD_JUDGED | RECORD_GROUP)) == RECORD_CALL && record->missed & ~record->gone &&
		    !(record->flags & (RECORD_SETTLED | RECORD_SPILLED)))
			found[n++] = at;
		at += size_of(*(const uint32_t *)(drained + at));
	}
	return n;
}
