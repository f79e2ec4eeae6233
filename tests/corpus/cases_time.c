/* SPDX-License-Identifier: Apache-2.0 */
/* Times and timers, in and out. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

static char *timespec_json(const struct timespec *time)
{
	return json("{'tv_sec': %ld, 'tv_nsec': %ld}", (long)time->tv_sec, time->tv_nsec);
}

static char *timeval_json(const struct timeval *time)
{
	return json("{'tv_sec': %ld, 'tv_usec': %ld}", (long)time->tv_sec, (long)time->tv_usec);
}

static void *in_timespec(const char *name, long sec, long nsec)
{
	struct timespec time = {sec, nsec};

	return in_raw(name, &time, sizeof(time), timespec_json(&time));
}

static void sleeps(void)
{
	begin("nanosleep");
	CALL(nanosleep, in_timespec("rqtp", 0, 1000), room("rmtp", sizeof(struct timespec)));
	is_unset("rmtp");
	works();

	begin("nanosleep_refused");
	CALL(nanosleep, in_timespec("rqtp", 3, 1000000000), 0);
	is_null("rmtp");
	fails(EINVAL);

	begin("clock_nanosleep");
	arg_json("flags", "'TIMER_ABSTIME'");
	CALL(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, in_timespec("rqtp", 1, 42), 0);
	is_null("rmtp");
	works();

	begin("clock_nanosleep_refused");
	CALL(clock_nanosleep, 9999, 0, in_timespec("rqtp", 0, 43), 0);
	fails(EINVAL);
}

static void on_alarm(int number)
{
	(void)number;
}

/* A timer ends the sleep, and the kernel says how much of it was left. */
static void interrupted(void)
{
	struct sigaction old, action = {.sa_handler = on_alarm};
	/* Again and again, as on a slow machine the first may come before the sleep. */
	struct itimerval soon = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
	struct timespec *left;

	begin("nanosleep_interrupted");
	left = room("rmtp", sizeof(*left));
	sigaction(SIGALRM, &action, &old);
	setitimer(ITIMER_REAL, &soon, NULL);
	CALL(nanosleep, in_timespec("rqtp", 10, 0), left);
	setitimer(ITIMER_REAL, &never, NULL);
	fails_with_any("EINTR|ERESTART_RESTARTBLOCK");
	got_raw("rmtp", timespec_json(left));
	sigaction(SIGALRM, &old, NULL);
}

static void file_times(void)
{
	struct timespec times[2] = {{1000000000, 5}, {1000000001, 6}};
	char *text = json("[%s, %s]", timespec_json(&times[0]), timespec_json(&times[1]));

	begin("utimensat");
	CALL(utimensat, AT_FDCWD, in_path("filename", DATA_FILE), in_raw("utimes", times, sizeof(times), text), 0);
	works();

	begin("utimensat_flags_refused");
	CALL(utimensat, AT_FDCWD, in_path("filename", DATA_FILE), in_raw("utimes", times, sizeof(times), text), 0x10);
	fails(EINVAL);

	begin("utimensat_missing");
	CALL(utimensat, AT_FDCWD, in_path("filename", "missing-times"), 0, 0);
	is_null("utimes");
	fails(ENOENT);
}

static void clocks(void)
{
	struct timespec *time;
	struct timeval *now;

	begin("clock_gettime");
	time = room("tp", sizeof(*time));
	CALL(clock_gettime, CLOCK_MONOTONIC, time);
	works();
	got_raw("tp", timespec_json(time));

	begin("clock_gettime_refused");
	CALL(clock_gettime, 9999, room("tp", sizeof(*time)));
	is_unset("tp");
	fails(EINVAL);

	begin("clock_getres");
	time = room("tp", sizeof(*time));
	CALL(clock_getres, CLOCK_MONOTONIC, time);
	works();
	got_raw("tp", timespec_json(time));

	begin("gettimeofday");
	now = room("tv", sizeof(*now));
	CALL(gettimeofday, now, 0);
	works();
	got_raw("tv", timeval_json(now));
	is_null("tz");
}

static void used(void)
{
	struct rusage *usage;
	struct tms *ticks;

	begin("times");
	ticks = room("tbuf", sizeof(*ticks));
	CALL(times, ticks);
	works();
	got_json("tbuf", "{'tms_utime': %ld, 'tms_stime': %ld, 'tms_cutime': %ld, 'tms_cstime': %ld}",
		 (long)ticks->tms_utime, (long)ticks->tms_stime, (long)ticks->tms_cutime, (long)ticks->tms_cstime);

	begin("getrusage");
	usage = room("ru", sizeof(*usage));
	CALL(getrusage, RUSAGE_SELF, usage);
	works();
	got_json("ru", "{'ru_utime': %s, 'ru_stime': %s, 'ru_maxrss': %ld, 'ru_minflt': %ld}",
		 timeval_json(&usage->ru_utime), timeval_json(&usage->ru_stime), usage->ru_maxrss, usage->ru_minflt);
}

void cases_time(void)
{
	sleeps();
	interrupted();
	file_times();
	clocks();
	used();
}

static void *in_itimerval(const char *name, const struct itimerval *timer)
{
	return in_json(name, timer, sizeof(*timer), "{'it_interval': %s, 'it_value': %s}",
		       timeval_json(&timer->it_interval), timeval_json(&timer->it_value));
}

static void got_itimerval(const char *name, const struct itimerval *timer)
{
	got_json(name, "{'it_interval': %s, 'it_value': %s}", timeval_json(&timer->it_interval),
		 timeval_json(&timer->it_value));
}

static void process_timers(void)
{
	struct itimerval far = {{100, 1}, {200, 2}}, off = {{0, 0}, {0, 0}}, *old;

	begin("setitimer");
	arg_json("which", "'ITIMER_VIRTUAL'");
	old = room("ovalue", sizeof(*old));
	CALL(setitimer, ITIMER_VIRTUAL, in_itimerval("value", &far), old);
	works();
	got_itimerval("ovalue", old);

	begin("getitimer");
	old = room("value", sizeof(*old));
	CALL(getitimer, ITIMER_VIRTUAL, old);
	works();
	got_itimerval("value", old);

	begin("setitimer_off");
	CALL(setitimer, ITIMER_VIRTUAL, in_itimerval("value", &off), 0);
	is_null("ovalue");
	works();

	begin("setitimer_refused");
	CALL(setitimer, 99, in_itimerval("value", &far), room("ovalue", sizeof(*old)));
	is_unset("ovalue");
	fails(EINVAL);
}

static char *itimerspec_json(const struct itimerspec *timer)
{
	return json("{'it_interval': %s, 'it_value': %s}", timespec_json(&timer->it_interval),
		    timespec_json(&timer->it_value));
}

static void descriptor_timers(void)
{
	struct itimerspec far = {{100, 1}, {200, 2}}, *old;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	begin("timerfd_settime");
	old = room("otmr", sizeof(*old));
	CALL(timerfd_settime, fd, 0, in_raw("utmr", &far, sizeof(far), itimerspec_json(&far)), old);
	works();
	got_raw("otmr", itimerspec_json(old));

	begin("timerfd_gettime");
	old = room("otmr", sizeof(*old));
	CALL(timerfd_gettime, fd, old);
	works();
	got_raw("otmr", itimerspec_json(old));

	begin("timerfd_settime_bad_fd");
	CALL(timerfd_settime, -1, 0, in_raw("utmr", &far, sizeof(far), itimerspec_json(&far)), 0);
	fails(EBADF);
	close(fd);
}

void cases_timer(void)
{
	process_timers();
	descriptor_timers();
}
