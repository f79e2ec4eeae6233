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

#define BUSY (1u << 31)
#define DISCARD (1u << 30)
#define HEADER 8

struct ring {
	uint64_t *consumer;
	const uint64_t *producer;
	const uint8_t *data;
	uint64_t mask;
	long page;
	int epoll;
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

/* NULL with errno set, or a ring over the map `fd` of `size` bytes. */
struct ring *faultin_ring_open(int fd, uint64_t size)
{
	struct epoll_event event = { .events = EPOLLIN };
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
	    !epoll_ctl(ring->epoll, EPOLL_CTL_ADD, fd, &event))
		return ring;
	err = errno;
	faultin_ring_close(ring);
	errno = err;
	return NULL;
}

/* Copies records to `out`, each as the ring holds it: 8 bytes whose first four
 * are its length, then its bytes padded to 8. Returns the bytes copied; waits
 * `timeout` ms when there are none; -1 if the first does not fit into `room`. */
int64_t faultin_ring_drain(struct ring *ring, uint8_t *out, uint64_t room, int timeout)
{
	uint64_t consumer = *ring->consumer;
	uint64_t copied = 0, start, producer;
	struct epoll_event event;

	producer = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
	if (consumer == producer && timeout) {
		epoll_wait(ring->epoll, &event, 1, timeout);
		producer = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
	}
	start = consumer;
	while (consumer < producer) {
		const uint8_t *record = ring->data + (consumer & ring->mask);
		uint32_t length = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
		uint64_t size;

		if (length & BUSY)
			break;
		size = HEADER + (((uint64_t)(length & ~DISCARD) + 7) & ~7ULL);
		if (!(length & DISCARD)) {
			if (copied + size > room)
				break;
			memcpy(out + copied, record, size);
			copied += size;
		}
		consumer += size;
	}
	if (consumer != start)
		__atomic_store_n(ring->consumer, consumer, __ATOMIC_RELEASE);
	else if (copied == 0 && consumer < producer &&
		 !(__atomic_load_n((const uint32_t *)(ring->data + (consumer & ring->mask)),
				   __ATOMIC_ACQUIRE) & BUSY))
		return -1;
	return copied;
}
