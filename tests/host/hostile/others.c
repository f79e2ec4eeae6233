/* SPDX-License-Identifier: Apache-2.0 */
/* See others.h. */
#define _GNU_SOURCE
#include "others.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "page.h"

enum { LOOKS = 5, PAUSE_US = 20000 };

static long calls;
static pid_t watched, child;
static pthread_t thread;

static int sleeps(void)
{
	char path[64], line[512] = "", *end;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", watched, watched);
	stat = fopen(path, "re");
	if (!stat || !fgets(line, sizeof(line), stat))
		die(path);
	fclose(stat);
	end = strrchr(line, ')');
	return end && (end[2] == 'S' || end[2] == 'D' || end[2] == 't');
}

/* Asleep in several looks in a row: not just between two instructions. */
static void wait_until_it_sleeps(void)
{
	for (int seen = 0; seen < LOOKS; seen = sleeps() ? seen + 1 : 0)
		usleep(PAUSE_US);
}

void stay_on(int last)
{
	cpu_set_t allowed, one;
	int cpu, found = -1;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		die("sched_getaffinity");
	for (cpu = 0; cpu < CPU_SETSIZE && (found < 0 || last); cpu++)
		if (CPU_ISSET(cpu, &allowed))
			found = cpu;
	CPU_ZERO(&one);
	CPU_SET(found, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die("sched_setaffinity");
}

/* Each path is on a page that is not mapped in: whoever reads it takes a fault too. */
static void work(const char *who, int last)
{
	int file = memfd_create("paths", MFD_CLOEXEC);
	char path[64] = "", *page;

	if (file < 0 || pwrite(file, path, sizeof(path), 0) < 0)
		die("memfd");
	page = mmap(NULL, sizeof(path), PROT_READ, MAP_SHARED, file, 0);
	if (page == MAP_FAILED)
		die("mmap");
	stay_on(last);
	wait_until_it_sleeps();
	for (long i = 0; i < calls; i++) {
		snprintf(path, sizeof(path), "/hostile/%s/%ld", who, i);
		if (pwrite(file, path, sizeof(path), 0) < 0 || madvise(page, sizeof(path), MADV_DONTNEED))
			die("path");
		access(page, F_OK);
	}
}

static void *thread_main(void *argument)
{
	work("thread", 0);
	return argument;
}

void others_start(long count)
{
	calls = count;
	watched = getpid();
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		work("child", 1);
		_exit(0);
	}
	printf("child %d\n", child);
	fflush(stdout);
	if (pthread_create(&thread, NULL, thread_main, NULL))
		die("pthread_create");
}

void others_wait(void)
{
	pthread_join(thread, NULL);
	waitpid(child, NULL, 0);
}
