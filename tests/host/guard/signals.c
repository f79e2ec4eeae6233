/* SPDX-License-Identifier: Apache-2.0 */
/* Children that get signals from their first instant on: `signals handled|trap|stop`. Prints
 * how many of them could not open what is allowed, and how many what is forbidden. */
#include "arena.h"

#include <signal.h>
#include <sys/wait.h>

#define CHILDREN 60

static void handle(int number)
{
}

static pid_t flood(pid_t group, int first, int second)
{
	pid_t child = fork();

	while (!child) {
		kill(group, first);
		usleep(20);
		if (second)
			kill(group, second);
		usleep(30);
	}
	return child;
}

static int status_of(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}

/* 1: the allowed file was denied; 2: the forbidden one was not. */
static int try_opens(void)
{
	return (open("/dev/null", O_RDONLY) < 0) | (open("/tmp/forbidden", O_RDONLY) >= 0) << 1;
}

static pid_t child(void)
{
	pid_t made = fork();

	if (!made)
		_exit(try_opens());
	return made;
}

/* A child's child in a group that others stop, and let go on. */
static pid_t child_in(pid_t group)
{
	pid_t made = fork();

	if (made)
		return made;
	setpgid(0, group);
	_exit(status_of(child()));
}

/* A group that stays. */
static pid_t new_group(void)
{
	pid_t leader = fork();

	if (!leader)
		for (;;)
			pause();
	setpgid(leader, leader);
	return leader;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };
	int stops = argc > 1 && !strcmp(argv[1], "stop"), denied = 0, opened = 0, status, i;
	int number = argc > 1 && !strcmp(argv[1], "trap") ? SIGTRAP : SIGUSR1;
	pid_t group = new_group(), flooding;

	setpgid(0, 0);
	sigaction(number, &action, NULL);
	flooding = stops ? flood(-group, SIGSTOP, SIGCONT) : flood(0, number, 0);
	for (i = 0; i < CHILDREN; i++) {
		status = status_of(stops ? child_in(group) : child());
		denied += status && status != 2;
		opened += status == 2 || status == 3;
	}
	kill(flooding, SIGKILL);
	kill(group, SIGKILL);
	printf("denied %d\nopened %d\n", denied, opened);
	return 0;
}
