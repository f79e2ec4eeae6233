/* SPDX-License-Identifier: Apache-2.0 */
/* What test_lifecycle.py traces: `lifecycle WAY [ARGUMENTS]` goes one way of living and
 * dying. access() of a path that is not there marks a place in the trace. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char **words;

static void mark(const char *path)
{
	access(path, F_OK);
}

static int collect(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 99;
	return WEXITSTATUS(status);
}

static int way_fork(void)
{
	pid_t child = fork();

	if (!child) {
		mark("/child");
		_exit(3);
	}
	return collect(child);
}

static int way_vfork(void)
{
	pid_t child = vfork();

	if (!child) {
		access("/child", F_OK);
		_exit(4);
	}
	return collect(child);
}

static int way_clone3(void)
{
	struct clone_args how = { .exit_signal = SIGCHLD };
	pid_t child = syscall(SYS_clone3, &how, sizeof(how));

	if (!child) {
		syscall(SYS_access, "/child", F_OK);
		syscall(SYS_exit_group, 5);
	}
	return collect(child);
}

static void *marks(void *path)
{
	mark(path);
	return NULL;
}

static int way_threads(void)
{
	static char *paths[] = { "/thread-0", "/thread-1", "/thread-2" };
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, marks, paths[i]);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static void *pauses(void *path)
{
	mark(path);
	for (;;)
		pause();
}

static int way_killed(void) /* exit_group while a thread sleeps */
{
	pthread_t thread;

	pthread_create(&thread, NULL, pauses, "/pausing");
	usleep(100000);
	_exit(6);
}

static void *execs(void *unused)
{
	usleep(100000);
	execl("/proc/self/exe", "lifecycle", "mark", "/after-exec", NULL);
	return unused;
}

static int way_exec_thread(void) /* the leader sleeps in pause() and dies of it */
{
	pthread_t thread;

	pthread_create(&thread, NULL, execs, NULL);
	for (;;)
		pause();
}

static int way_mark(void)
{
	for (; *words; words++)
		mark(*words);
	return 0;
}

static int way_exec(void) /* PATH ARGUMENTS: with itself as argv[0] */
{
	execv(words[0], words);
	return 7;
}

static void *ticks(void *unused)
{
	for (;;) {
		mark("/tick");
		usleep(10000);
	}
	return unused;
}

static int way_ticking(void) /* two threads, and one more for every byte of stdin */
{
	pthread_t thread;
	char byte;

	pthread_create(&thread, NULL, ticks, NULL);
	pthread_create(&thread, NULL, ticks, NULL);
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) == 1)
		pthread_create(&thread, NULL, marks, "/new-thread");
	return 8;
}

static int way_write(void) /* BYTES: to /dev/null, the buffer never touched by the kernel */
{
	size_t size = atol(words[0]);
	char *data = malloc(size);

	for (size_t i = 0; i < size; i++)
		data[i] = 'a' + i % 26;
	write(open("/dev/null", O_WRONLY), data, size);
	return 0;
}

static int way_cold(void) /* FILE: a path that stands in a page which nobody has touched */
{
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, open(words[0], O_RDONLY), 0);

	madvise(page, 4096, MADV_RANDOM);
	mark(page);
	return 0;
}

static int way_renamed(void) /* a task's name is hostile, too */
{
	prctl(PR_SET_NAME, "\x1b[2Jevil\n");
	mark("/renamed");
	return 0;
}

static int way_signal(void)
{
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	signal(SIGUSR1, (void (*)(int))mark);
	return 0;
}

static const struct {
	const char *name;
	int (*go)(void);
} ways[] = {
	{ "fork", way_fork }, { "vfork", way_vfork }, { "clone3", way_clone3 },
	{ "threads", way_threads }, { "killed", way_killed }, { "exec-thread", way_exec_thread },
	{ "mark", way_mark }, { "exec", way_exec }, { "ticking", way_ticking },
	{ "write", way_write }, { "cold", way_cold }, { "renamed", way_renamed },
	{ "signal", way_signal },
};

int main(int argc, char **argv)
{
	words = argv + 2;
	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(*ways); i++)
		if (!strcmp(ways[i].name, argv[1]))
			return ways[i].go();
	return 98;
}
