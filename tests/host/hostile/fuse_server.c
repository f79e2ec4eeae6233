/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuse_server MOUNTPOINT DELAY: a file system of one file, `page`, whose contents come late.
 *
 * Speaks the FUSE protocol on /dev/fuse (linux/fuse.h). A read is answered DELAY ms after it came,
 * or never if that is -1. Prints "mounted", then "read" for each read as it comes. It runs until it is
 * unmounted or killed: then the kernel aborts the connection, and whoever waited gets an error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define TEXT "/hostile/served"

enum { ROOT = FUSE_ROOT_ID, FILE_NODE = 2, SIZE = 4096, REQUEST_MAX = 1 << 17, FOR_EVER = 3600 };

static int device;
static long delay;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* An error (negative) or `size` bytes. ENOENT: the request was given up meanwhile. */
static void reply(const struct fuse_in_header *request, int error, const void *data, size_t size)
{
	struct fuse_out_header head = {
		.len = sizeof(head) + size, .error = error, .unique = request->unique,
	};
	struct iovec parts[] = { { &head, sizeof(head) }, { (void *)data, size } };

	if (writev(device, parts, 2) < 0 && errno != ENOENT)
		fail("reply");
}

static struct fuse_attr attributes(uint64_t node)
{
	struct fuse_attr found = { .ino = node, .size = SIZE, .nlink = 1, .blksize = SIZE };

	found.mode = node == ROOT ? S_IFDIR | 0755 : S_IFREG | 0644;
	return found;
}

/* FUSE_ASYNC_READ: read-ahead does not wait, so that a fault waits for the page, and can be killed. */
static void answer_init(const struct fuse_in_header *request)
{
	const struct fuse_init_in *wanted = (const void *)(request + 1);
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = wanted->max_readahead,
		.flags = wanted->flags & FUSE_ASYNC_READ,
		.max_background = 16,
		.congestion_threshold = 12,
		.max_write = SIZE,
	};

	if (wanted->minor < out.minor)
		out.minor = wanted->minor;
	reply(request, 0, &out, sizeof(out));
}

static void answer_lookup(const struct fuse_in_header *request)
{
	struct fuse_entry_out out = {
		.nodeid = FILE_NODE, .entry_valid = FOR_EVER, .attr_valid = FOR_EVER,
		.attr = attributes(FILE_NODE),
	};

	if (strcmp((const char *)(request + 1), "page"))
		reply(request, -ENOENT, NULL, 0);
	else
		reply(request, 0, &out, sizeof(out));
}

static void answer_getattr(const struct fuse_in_header *request)
{
	struct fuse_attr_out out = { .attr_valid = FOR_EVER, .attr = attributes(request->nodeid) };

	reply(request, 0, &out, sizeof(out));
}

static void answer_open(const struct fuse_in_header *request)
{
	struct fuse_open_out out = { .fh = 1 };

	reply(request, 0, &out, sizeof(out));
}

static void answer_read(const struct fuse_in_header *request)
{
	static const char page[SIZE] = TEXT;
	const struct fuse_read_in *wanted = (const void *)(request + 1);
	size_t at = wanted->offset < SIZE ? wanted->offset : SIZE;

	puts("read");
	fflush(stdout);
	if (delay < 0)
		return;
	usleep(delay * 1000);
	reply(request, 0, page + at, wanted->size < SIZE - at ? wanted->size : SIZE - at);
}

static void answer(const struct fuse_in_header *request)
{
	switch (request->opcode) {
	case FUSE_INIT:
		return answer_init(request);
	case FUSE_LOOKUP:
		return answer_lookup(request);
	case FUSE_GETATTR:
		return answer_getattr(request);
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		return answer_open(request);
	case FUSE_READ:
		return answer_read(request);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT: /* these want no reply */
		return;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		return reply(request, 0, NULL, 0);
	default:
		return reply(request, -ENOSYS, NULL, 0);
	}
}

static void mount_at(const char *where)
{
	char options[128];

	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (device < 0)
		fail("/dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
	if (mount("hostile", where, "fuse", MS_NOSUID | MS_NODEV, options))
		fail("mount");
	puts("mounted");
	fflush(stdout);
}

int main(int count, char **words)
{
	static char request[REQUEST_MAX] __attribute__((aligned(8)));

	if (count != 3) {
		fprintf(stderr, "usage: fuse_server MOUNTPOINT DELAY\n");
		return 2;
	}
	delay = atol(words[2]);
	mount_at(words[1]);
	for (;;) {
		ssize_t size = read(device, request, sizeof(request));

		if (size >= (ssize_t)sizeof(struct fuse_in_header))
			answer((const struct fuse_in_header *)request);
		else if (size < 0 && errno == ENODEV) /* unmounted */
			return 0;
		else if (size < 0 && errno != EINTR && errno != ENOENT)
			fail("/dev/fuse");
	}
}
