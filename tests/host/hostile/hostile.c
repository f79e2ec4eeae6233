/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile PAGE DELAY OTHERS CALL [FILE]: the main thread passes a page that stalls to a system
 * call, on the first CPU, while others work: one there too, one on the last.
 *
 * PAGE    userfault; file, file-alone: a mapping of FILE, which a FUSE server keeps back
 * DELAY   ms until the page is served, or -1 for never (of a file the server knows that)
 * OTHERS  calls that the others make
 * CALL    openat; write: into a memfd, so that the call reads it; badwrite: to descriptor -1,
 *         so that it does not
 *
 * Prints "victim PID", "child PID", and "returned RET ERRNO" once the call has. When it was never
 * to be served, the main thread then waits to be killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "others.h"
#include "page.h"

#define TEXT "/hostile/served"

enum { WRITTEN = 15 }; /* bytes of TEXT */

static long call_with(const char *call, const char *page)
{
	if (!strcmp(call, "openat"))
		return openat(AT_FDCWD, page, O_RDONLY);
	if (!strcmp(call, "write"))
		return write(memfd_create("sink", MFD_CLOEXEC), page, WRITTEN);
	if (!strcmp(call, "badwrite"))
		return write(-1, page, WRITTEN);
	errno = EINVAL;
	die(call);
}

int main(int count, char **words)
{
	long delay, ret;
	char *page;

	if (count < 5) {
		fprintf(stderr, "usage: hostile PAGE DELAY OTHERS CALL [FILE]\n");
		return 2;
	}
	delay = atol(words[2]);
	printf("victim %d\n", getpid());
	fflush(stdout);
	page = strcmp(words[1], "userfault") ? file_page(words[5], !strcmp(words[1], "file-alone")) :
					       userfault_page(delay, TEXT);
	others_start(atol(words[3]));
	stay_on(0);
	errno = 0;
	ret = call_with(words[4], page);
	printf("returned %ld %d\n", ret, errno);
	fflush(stdout);
	others_wait();
	if (delay == NEVER)
		pause();
	return 0;
}
