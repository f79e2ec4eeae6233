/* SPDX-License-Identifier: Apache-2.0 */
/* poll, select and epoll: arrays and sets that go in, and come back changed. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

/* The kernel's signal set: 8 bytes, signal N at bit N - 1. */
static const uint64_t usr1_and_term = 1UL << (SIGUSR1 - 1) | 1UL << (SIGTERM - 1);
#define USR1_AND_TERM_JSON "['SIGUSR1', 'SIGTERM']"

static struct pollfd *in_pollfds(int readable, int idle)
{
	struct pollfd fds[2] = {{readable, POLLIN, 0}, {idle, POLLIN | POLLPRI, 0}};

	return in_json("ufds", fds, sizeof(fds), "[{'fd': %d, 'events': 'POLLIN'}, {'fd': %d, 'events': 'POLLIN|POLLPRI'}]",
		       readable, idle);
}

static void after_pollfds(int readable, int idle)
{
	after("ufds", "[{'fd': %d, 'revents': 'POLLIN'}, {'fd': %d}]", readable, idle);
}

static void *in_sigset(const char *name)
{
	return in_json(name, &usr1_and_term, sizeof(usr1_and_term), USR1_AND_TERM_JSON);
}

static void *in_timeout(const char *name, long sec, long nsec)
{
	struct timespec timeout = {sec, nsec};

	return in_json(name, &timeout, sizeof(timeout), "{'tv_sec': %ld, 'tv_nsec': %ld}", sec, nsec);
}

static void polls(int readable, int idle)
{
#ifdef SYS_poll
	begin("poll");
	arg_int("timeout_msecs", 1000);
	CALL(poll, in_pollfds(readable, idle), 2, 1000);
	works();
	after_pollfds(readable, idle);
#endif
	begin("ppoll");
	CALL(ppoll, in_pollfds(readable, idle), 2, in_timeout("tsp", 1, 5), in_sigset("sigmask"), 8);
	works();
	after_pollfds(readable, idle);

	begin("ppoll_timeout");
	CALL(ppoll, in_pollfds(idle, idle), 2, in_timeout("tsp", 0, 1000), 0, 8);
	works();
	is_null("sigmask");

	begin("ppoll_refused");
	CALL(ppoll, in_pollfds(readable, idle), 2, in_timeout("tsp", 0, -1), in_sigset("sigmask"), 8);
	fails(EINVAL);
}

static void *in_set(const char *name, int fd)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return in_json(name, &set, sizeof(set), "[%d]", fd);
}

static void selects(int readable, int idle)
{
	struct { const void *set; size_t size; } mask;
	int count = (readable > idle ? readable : idle) + 1;
#ifdef SYS_select
	struct timeval second = {1, 0};

	begin("select");
	arg_int("n", count);
	CALL(select, count, in_set("inp", readable), 0, in_set("exp", idle),
	     in_json("tvp", &second, sizeof(second), "{'tv_sec': 1, 'tv_usec': 0}"));
	works();
	is_null("outp");
	after("inp", "[%d]", readable);
	after("exp", "[]");
#endif
	begin("pselect6");
	mask.set = place("sig.ss", &usr1_and_term, sizeof(usr1_and_term));
	mask.size = sizeof(usr1_and_term);
	capture("sig", "read");
	CALL(pselect6, count, in_set("inp", readable), in_set("outp", idle), 0, in_timeout("tsp", 1, 0),
	     place("sig", &mask, sizeof(mask)));
	works();
	is_null("exp");
	after("inp", "[%d]", readable);
}

void cases_poll(void)
{
	int busy[2], idle[2];

	make_pipe(busy);
	make_pipe(idle);
	if (write(busy[1], "x", 1) != 1)
		die("cannot fill the pipe");
	polls(busy[0], idle[0]);
	selects(busy[0], idle[0]);
	close_both(busy);
	close_both(idle);
}

static void control(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 77};

	begin("epoll_ctl_add");
	arg_json("op", "'EPOLL_CTL_ADD'");
	CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, fd,
	     in_json("event", &event, sizeof(event), "{'events': 'EPOLLIN|EPOLLET', 'data': 77}"));
	works();

	begin("epoll_ctl_bad_fd");
	arg_int("epfd", -1);
	CALL(epoll_ctl, -1, EPOLL_CTL_MOD, fd,
	     in_json("event", &event, sizeof(event), "{'events': 'EPOLLIN|EPOLLET', 'data': 77}"));
	fails(EBADF);
}

static void waits(int epoll)
{
	struct epoll_event *events;

#ifdef SYS_epoll_wait
	begin("epoll_wait");
	events = room("events", 4 * sizeof(*events));
	arg_int("maxevents", 4);
	CALL(epoll_wait, epoll, events, 4, 100);
	works();
	got_json("events", "[{'events': 'EPOLLIN', 'data': 77}]");
#endif
	begin("epoll_pwait_nothing");
	events = room("events", 4 * sizeof(*events));
	CALL(epoll_pwait, epoll, events, 4, 0, in_sigset("sigmask"), 8);
	works();
	got_json("events", "[]");
#ifdef SYS_epoll_pwait2
	begin("epoll_pwait2_bad_fd");
	CALL(epoll_pwait2, -1, room("events", 64), 4, in_timeout("timeout", 0, 7), in_sigset("sigmask"), 8);
	is_unset("events");
	fails(EBADF);
#endif
}

void cases_epoll(void)
{
	int ends[2], epoll = epoll_create1(EPOLL_CLOEXEC);

	make_pipe(ends);
	if (write(ends[1], "x", 1) != 1)
		die("cannot fill the pipe");
	control(epoll, ends[0]);
	waits(epoll);
	begin("epoll_ctl_del");
	CALL(epoll_ctl, epoll, EPOLL_CTL_DEL, ends[0], 0);
	is_null("event");
	works();
	close_both(ends);
	close(epoll);
}
