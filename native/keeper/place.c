/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "place.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "output.h"

#define SETTLED 64 /* stops of one task in a row, before it is joined */
#define MISSES 16  /* in a row, before it is looked where the task is by now */
#define LOOK_US 20000
#define STARVES_US 1000 /* a stop has waited for so long */
#define PENALTY 100000000ULL /* ns, and twice as long each time */
#define PENALTY_MAX (128 * PENALTY)

static cpu_set_t allowed;
static pid_t tracer, faultin;
static int joined = -1; /* the CPU */
static bool is_looked_after;
static bool is_shared;      /* the tracer shares the CPU of its task */
static u32 progress;        /* counts its turns */
static u64 not_before, penalty = PENALTY;
static u32 alone, misses;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of is_shared */
static pthread_cond_t shares = PTHREAD_COND_INITIALIZER;

static bool set_policy(int policy)
{
	struct sched_param none = { 0 };

	return !syscall(SYS_sched_setscheduler, tracer, policy, &none);
}

/* The CPU that a task was last on: field 39 of its stat, the 37th behind its name. -1
 * where there is no /proc. */
static int cpu_of(s32 pid)
{
	char path[32], text[512], *at;
	ssize_t size;
	int fd, field;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size <= 0)
		return -1;
	text[size] = 0;
	at = strrchr(text, ')');
	for (field = 2; at && field < 39; field++)
		at = strchr(at + 1, ' ');
	return at ? atoi(at) : -1;
}

/* Our parent's threads, unless it has ended. */
static void send_faultin(const cpu_set_t *where)
{
	struct dirent *entry;
	char path[32];
	DIR *folder;

	if (getppid() != faultin)
		return;
	snprintf(path, sizeof(path), "/proc/%d/task", faultin);
	folder = opendir(path);
	if (!folder)
		return;
	while ((entry = readdir(folder)))
		if (atoi(entry->d_name) > 0)
			sched_setaffinity(atoi(entry->d_name), sizeof(*where), where);
	closedir(folder);
}

static bool join(s32 pid)
{
	int cpu = cpu_of(pid);
	cpu_set_t one, others = allowed;

	if (cpu < 0 || !CPU_ISSET(cpu, &allowed))
		return false;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(tracer, sizeof(one), &one))
		return false;
	CPU_CLR(cpu, &others);
	if (cpu != joined && CPU_COUNT(&others))
		send_faultin(&others);
	joined = cpu;
	return true;
}

static void leave(void)
{
	if (!is_shared)
		return;
	set_policy(SCHED_OTHER);
	sched_setaffinity(tracer, sizeof(allowed), &allowed);
	send_faultin(&allowed);
	joined = -1;
	__atomic_store_n(&is_shared, false, __ATOMIC_RELEASE);
}

/* Whether a task waits in a stop that the tracer does not come to. */
static bool starves(void)
{
	u32 before = __atomic_load_n(&progress, __ATOMIC_ACQUIRE);
	siginfo_t info = { .si_pid = 0 };
	const int options = WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL;

	if (waitid(P_ALL, 0, &info, options) || !info.si_pid)
		return false;
	usleep(STARVES_US);
	return before == __atomic_load_n(&progress, __ATOMIC_ACQUIRE);
}

/* Tries on itself whether SCHED_IDLE can be left: it takes CAP_SYS_NICE, or the limit. */
static bool can_return(void)
{
	struct sched_param none = { 0 };

	return !syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &none) &&
	       !syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none);
}

static void *look_after(void *nothing)
{
	if (!can_return())
		return NULL;
	__atomic_store_n(&is_looked_after, true, __ATOMIC_RELEASE);
	pthread_mutex_lock(&lock);
	for (;;) {
		while (!is_shared)
			pthread_cond_wait(&shares, &lock);
		pthread_mutex_unlock(&lock);
		usleep(LOOK_US);
		if (starves()) {
			pthread_mutex_lock(&lock);
			leave();
			__atomic_store_n(&not_before, now() + penalty, __ATOMIC_RELAXED);
			penalty = penalty < PENALTY_MAX ? 2 * penalty : PENALTY_MAX;
			continue;
		}
		pthread_mutex_lock(&lock);
	}
	return NULL;
}

void place_begin(void)
{
	pthread_t thread;

	tracer = syscall(SYS_gettid);
	faultin = getppid();
	/* The C library has no sched_getscheduler(). */
	if (sched_getaffinity(0, sizeof(allowed), &allowed) || syscall(SYS_sched_getscheduler, 0) != SCHED_OTHER)
		return;
	if (CPU_COUNT(&allowed) < 2)
		return; /* everything shares that one */
	pthread_create(&thread, NULL, look_after, NULL); /* without it nothing is shared */
}

static void share(s32 pid)
{
	if (!__atomic_load_n(&is_looked_after, __ATOMIC_ACQUIRE) || now() < __atomic_load_n(&not_before, __ATOMIC_RELAXED) || !join(pid))
		return;
	pthread_mutex_lock(&lock);
	if (set_policy(SCHED_IDLE)) {
		__atomic_store_n(&is_shared, true, __ATOMIC_RELEASE);
		pthread_cond_signal(&shares);
	}
	pthread_mutex_unlock(&lock);
}

bool place_choose(s32 pid)
{
	bool shared = __atomic_load_n(&is_shared, __ATOMIC_ACQUIRE);

	__atomic_store_n(&progress, progress + 1, __ATOMIC_RELEASE);
	if (!pid) {
		alone = misses = 0;
		if (shared) {
			pthread_mutex_lock(&lock);
			leave();
			pthread_mutex_unlock(&lock);
		}
		return false;
	}
	if (!shared) {
		if (++alone % SETTLED == 0)
			share(pid);
		sched_yield(); /* it may wait for this CPU */
	} else if (misses >= MISSES) {
		misses = 0;
		join(pid); /* it may have been moved */
	}
	return true;
}

void place_found(bool stopped)
{
	misses = stopped ? 0 : misses + 1;
}
