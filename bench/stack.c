/* SPDX-License-Identifier: Apache-2.0 */
/* stack DEPTH CALLS: ns of one of so many getppid() below so many functions, on stderr: the
 * median of batches, as others use the machine, too. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 20 };

static long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000L + ts.tv_nsec;
}

static int compare(const void *one, const void *other)
{
	long a = *(const long *)one, b = *(const long *)other;

	return (a > b) - (a < b);
}

static inline __attribute__((always_inline)) long median(int calls)
{
	static long took[10000];
	int size = calls < BATCH ? calls : BATCH, batches = calls / size, batch, i;

	for (batch = 0; batch < batches; batch++) {
		long start = now();

		for (i = 0; i < size; i++)
			syscall(SYS_getppid);
		took[batch] = now() - start;
	}
	qsort(took, batches, sizeof(*took), compare);
	return took[batches / 2] / size;
}

__attribute__((noinline)) static long below(int depth, int calls)
{
	long took;

	if (depth)
		took = below(depth - 1, calls);
	else
		took = median(calls);
	__asm__ volatile("" ::: "memory");
	return took;
}

int main(int count, char **words)
{
	int calls = atoi(words[2]);

	fprintf(stderr, "%ld ns/call\n", below(atoi(words[1]), calls));
	return count != 3;
}
