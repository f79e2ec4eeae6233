/* SPDX-License-Identifier: Apache-2.0 */
/* See page.h. */
#define _GNU_SOURCE
#include "page.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct service {
	int fd;
	long delay;
	char *page;
	char text[PAGE];
};

void die(const char *what)
{
	perror(what);
	exit(99);
}

static int userfault_open(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		die("userfaultfd");
	return fd;
}

static void userfault_watch(int fd, char *page)
{
	struct uffdio_register range = {
		.range = { .start = (unsigned long)page, .len = PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	if (ioctl(fd, UFFDIO_REGISTER, &range))
		die("UFFDIO_REGISTER");
}

static void *serve(void *argument)
{
	struct service *service = argument;
	struct pollfd waiting = { .fd = service->fd, .events = POLLIN };
	struct uffdio_copy copy = {
		.dst = (unsigned long)service->page, .src = (unsigned long)service->text, .len = PAGE,
	};

	while (poll(&waiting, 1, -1) != 1)
		;
	usleep(service->delay * 1000);
	if (ioctl(service->fd, UFFDIO_COPY, &copy))
		die("UFFDIO_COPY");
	return NULL;
}

char *userfault_page(long delay, const char *text)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct service *service = calloc(1, sizeof(*service));
	pthread_t thread;

	if (page == MAP_FAILED || !service)
		die("memory");
	service->fd = userfault_open();
	service->delay = delay;
	service->page = page;
	strncpy(service->text, text, PAGE - 1);
	userfault_watch(service->fd, page);
	if (delay != NEVER && pthread_create(&thread, NULL, serve, service))
		die("pthread_create");
	return page;
}

char *file_page(const char *path, int alone)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *page;

	if (fd < 0)
		die(path);
	page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	if (page == MAP_FAILED || (alone && madvise(page, PAGE, MADV_RANDOM)))
		die("mmap");
	return page;
}
