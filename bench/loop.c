/* SPDX-License-Identifier: Apache-2.0 */
/* The traced program of the benchmarks: a loop of openat (a path of 48 bytes) and
 * close, or of getppid, that times itself. Prints ns per round, by the clock, and then by
 * the time that it had the CPU, which others on the machine do not add to. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PATH "./././faultin-bench-a-path-of-forty-eight-bytes." /* without its NUL */

static double now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

int main(int argc, char **argv)
{
	long rounds = argc > 2 ? atol(argv[2]) : 200000;
	long rate = argc > 3 ? atol(argv[3]) : 0; /* rounds a second, 0 for as fast as it goes */
	int opens = argc > 1 && !strcmp(argv[1], "open");
	double start, used, pace = rate ? 1e9 / rate : 0;
	long i;

	if (chdir(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp"))
		return 1;
	close(open(PATH, O_CREAT | O_RDONLY, 0644));
	start = now(CLOCK_MONOTONIC);
	used = now(CLOCK_THREAD_CPUTIME_ID);
	for (i = 0; i < rounds; i++) {
		if (opens)
			close(open(PATH, O_RDONLY));
		else
			syscall(SYS_getppid);
		while (pace && now(CLOCK_MONOTONIC) - start < i * pace)
			;
	}
	used = now(CLOCK_THREAD_CPUTIME_ID) - used;
	printf("%.1f\n%.1f\n", (now(CLOCK_MONOTONIC) - start) / rounds, used / rounds);
	return 0;
}
