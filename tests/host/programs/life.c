/* SPDX-License-Identifier: Apache-2.0 */
/* life WHAT: does one of the things that a tracer could spoil, and says "ok" if all went as
 * it goes without one. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHOT 100 /* ms */

static char *self;

static int fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static long long ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void pause_ms(int time)
{
	struct timespec ts = { time / 1000, time % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* The path says who: a test looks for it in the trace. */
static int mark(const char *path)
{
	return rmdir(path) == -1 && errno == ENOENT ? 0 : 7;
}

static int ended(pid_t child, int status)
{
	int found;

	return waitpid(child, &found, __WALL) == child && found == status;
}

static void *thread_main(void *nothing)
{
	mark("/life/thread");
	return nothing;
}

static int threads(void)
{
	pthread_t thread[8];

	for (int i = 0; i < 8; i++)
		if (pthread_create(&thread[i], NULL, thread_main, NULL))
			return fail("pthread_create");
	for (int i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
	return 0;
}

static int forks(void)
{
	pid_t child = fork();

	if (!child)
		_exit(mark("/life/fork") ?: 3);
	if (!ended(child, 3 << 8))
		return fail("fork");
	child = vfork();
	if (!child) {
		execl(self, self, "mark", "/life/vfork", NULL);
		_exit(126);
	}
	return ended(child, 0) ? 0 : fail("vfork");
}

static int clones(uint64_t flags, const char *path)
{
	struct clone_args args = { .flags = flags, .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD };
	pid_t child = syscall(SYS_clone3, &args, sizeof(args));

	if (!child)
		_exit(mark(path) ?: 4);
	return args.flags == flags && ended(child, 4 << 8) ? 0 : fail(path);
}

/* CLONE_UNTRACED asks to be left alone by tracers; the others are rare. */
static int odd_clones(void)
{
	pid_t child;
	int fd = -1;

	if (clones(0, "/life/clone3") || clones(CLONE_UNTRACED, "/life/clone3-untraced") ||
	    clones(CLONE_VFORK, "/life/clone3-vfork") || clones(CLONE_FILES | CLONE_FS, "/life/clone3-shared"))
		return 1;
	child = syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, NULL, NULL, NULL, NULL);
	if (!child)
		_exit(mark("/life/clone-untraced") ?: 5);
	if (!ended(child, 5 << 8))
		return fail("clone");
	child = syscall(SYS_clone, CLONE_PIDFD, NULL, &fd, NULL, NULL);
	if (!child)
		_exit(mark("/life/clone-without-signal") ?: 6);
	return ended(child, 6 << 8) && fd >= 0 ? 0 : fail("clone without a signal");
}

static void *execs(void *nothing)
{
	pause_ms(50);
	execl(self, self, "mark", "/life/thread-exec", NULL);
	_exit(126);
}

static int exec_by_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, thread_main, NULL);
	pthread_create(&thread, NULL, execs, NULL);
	for (;;)
		pause();
	return 1;
}

static volatile sig_atomic_t got, value;

static void handler(int number, siginfo_t *info, void *context)
{
	got = number;
	value = info->si_value.sival_int;
}

static int signals(void)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	union sigval sent = { .sival_int = 4711 };
	int status;
	pid_t child;

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGRTMIN + 3, &action, NULL);
	sigaction(SIGTRAP, &action, NULL);
	if (sigqueue(getpid(), SIGRTMIN + 3, sent) || got != SIGRTMIN + 3 || value != 4711)
		return fail("sigqueue");
	if (raise(SIGUSR1) || got != SIGUSR1 || raise(SIGTRAP) || got != SIGTRAP)
		return fail("raise");
	child = fork();
	if (!child) {
		signal(SIGTERM, SIG_DFL);
		raise(SIGTERM);
		_exit(1);
	}
	if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM)
		return fail("a signal that kills");
	return 0;
}

static int stopped(pid_t child, int number)
{
	int status;

	return waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == number;
}

static int continued(pid_t child)
{
	int status;

	return waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status);
}

static int job_control(void)
{
	int number[] = { SIGSTOP, SIGTSTP };
	pid_t child;
	int status;

	for (int i = 0; i < 2; i++) {
		child = fork();
		if (!child) {
			setpgid(0, 0); /* not an orphaned group's, which SIGTSTP does not stop */
			raise(number[i]);
			pause_ms(SHOT); /* it is seen to go on before it ends */
			_exit(8);
		}
		if (!stopped(child, number[i]))
			return fail("it does not stop");
		pause_ms(SHOT);
		if (waitpid(child, &status, WNOHANG | WUNTRACED | WCONTINUED))
			return fail("it does not stay stopped");
		kill(child, SIGCONT);
		if (!continued(child) || !ended(child, 8 << 8))
			return fail("it does not go on");
	}
	return 0;
}

/* A sleep that a stop interrupts goes on where it was (ERESTART_RESTARTBLOCK). */
static int restarts(void)
{
	struct timespec whole = { 0, 400 * 1000000L };
	long long begun = ms();
	pid_t child = fork();

	if (!child)
		_exit(nanosleep(&whole, NULL) ? 1 : ms() - begun < 400 ? 2 : ms() - begun > 2000 ? 3 : 0);
	pause_ms(SHOT);
	kill(child, SIGSTOP);
	if (!stopped(child, SIGSTOP))
		return fail("it does not stop");
	kill(child, SIGCONT);
	if (!continued(child))
		return fail("it does not go on");
	return ended(child, 0) ? 0 : fail("the sleep was not as long");
}

static void *opens(void *nothing)
{
	for (;;) {
		close(open("/life/killed", O_RDONLY));
		if (!fork())
			execl(self, self, "mark", "/life/killed", NULL);
		waitpid(-1, NULL, WNOHANG);
	}
	return nothing;
}

/* Killed at any point: in calls, forks and execs of two threads. */
static int killed(void)
{
	for (int i = 0; i < 40; i++) {
		pid_t child = fork();
		pthread_t thread;

		if (!child) {
			pthread_create(&thread, NULL, opens, NULL);
			opens(NULL);
		}
		usleep(500 + 137 * i);
		kill(child, SIGKILL);
		if (!ended(child, SIGKILL))
			return fail("it was not killed");
	}
	while (wait(NULL) > 0)
		;
	return 0;
}

static int traces_itself(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		return fail("ptrace");
	return 0;
}

int main(int count, char **words)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} all[] = {
		{ "threads", threads }, { "forks", forks }, { "clones", odd_clones },
		{ "exec-by-thread", exec_by_thread }, { "signals", signals }, { "job-control", job_control },
		{ "restarts", restarts }, { "killed", killed }, { "ptrace", traces_itself },
	};

	self = words[0];
	if (count == 3 && !strcmp(words[1], "mark")) {
		int failed = mark(words[2]);

		if (!strcmp(words[2], "/life/thread-exec"))
			puts("ok");
		return failed;
	}
	for (unsigned i = 0; count == 2 && i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(words[1], all[i].name)) {
			if (all[i].run())
				return 1;
			puts("ok");
			return 0;
		}
	fprintf(stderr, "usage: life WHAT\n");
	return 2;
}
