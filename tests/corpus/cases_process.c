/* SPDX-License-Identifier: Apache-2.0 */
/* What a process asks about itself and its children: limits, ends, names, identities, scheduling. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

static char *limit_json(const struct rlimit *limit)
{
	return json("{'rlim_cur': %lu, 'rlim_max': %lu}", (unsigned long)limit->rlim_cur, (unsigned long)limit->rlim_max);
}

void cases_limits(void)
{
	struct rlimit *old, now;

	begin("prlimit64_get");
	arg_json("resource", "'RLIMIT_NOFILE'");
	old = room("old_rlim", sizeof(*old));
	CALL(prlimit64, 0, RLIMIT_NOFILE, 0, old);
	is_null("new_rlim");
	works();
	got_raw("old_rlim", limit_json(old));
	now = *old;

	begin("prlimit64_set");
	old = room("old_rlim", sizeof(*old));
	CALL(prlimit64, 0, RLIMIT_NOFILE, in_raw("new_rlim", &now, sizeof(now), limit_json(&now)), old);
	works();
	got_raw("old_rlim", limit_json(old));

	begin("prlimit64_refused");
	CALL(prlimit64, 0, 99, in_raw("new_rlim", &now, sizeof(now), limit_json(&now)), room("old_rlim", sizeof(*old)));
	is_unset("old_rlim");
	fails(EINVAL);

	begin("getrlimit");
	old = room("rlim", sizeof(*old));
	CALL(getrlimit, RLIMIT_NOFILE, old);
	works();
	got_raw("rlim", limit_json(old));

	begin("setrlimit");
	CALL(setrlimit, RLIMIT_NOFILE, in_raw("rlim", &now, sizeof(now), limit_json(&now)));
	works();
}

static pid_t ended_child(int status)
{
	pid_t child = fork();

	if (child == 0)
		_exit(status);
	if (child < 0)
		die("cannot fork");
	return child;
}

static void wait_with_wait4(void)
{
	pid_t child = ended_child(3);
	struct rusage *usage;
	int *status;

	begin("wait4");
	status = room("stat_addr", sizeof(*status));
	usage = room("ru", sizeof(*usage));
	arg_int("upid", child);
	CALL(wait4, child, status, 0, usage);
	works();
	got_json("stat_addr", "{\"$any\": [%d, \"WIFEXITED(s) && WEXITSTATUS(s) == %d\"]}", *status,
		 *status >> 8);
	got_json("ru", "{'ru_maxrss': %ld, 'ru_minflt': %ld}", usage->ru_maxrss, usage->ru_minflt);

	begin("wait4_no_child");
	CALL(wait4, child, room("stat_addr", sizeof(*status)), 0, 0);
	is_unset("stat_addr");
	is_null("ru");
	fails(ECHILD);
}

static void wait_with_waitid(void)
{
	pid_t child = ended_child(4);
	siginfo_t *info;

	begin("waitid");
	info = room("infop", sizeof(*info));
	arg_json("which", "'P_PID'");
	arg_json("options", "'WEXITED'");
	CALL(waitid, P_PID, child, info, WEXITED, 0);
	works();
	got_json("infop", "{'si_signo': 'SIGCHLD', 'si_code': {'$any': ['CLD_EXITED', 1]}}");
	is_null("ru");
}

void cases_wait(void)
{
	wait_with_wait4();
	wait_with_waitid();
}

static void system_names(void)
{
	struct utsname *name;
	struct sysinfo *info;

	begin("uname");
	name = room("name", sizeof(*name));
	CALL(uname, name);
	works();
	got_json("name", "{'sysname': 'Linux', 'nodename': %s, 'release': %s, 'version': %s, 'machine': %s}",
		 json_string(name->nodename), json_string(name->release), json_string(name->version),
		 json_string(name->machine));

	begin("sysinfo");
	info = room("info", sizeof(*info));
	CALL(sysinfo, info);
	works();
	got_json("info", "{'uptime': %ld, 'totalram': %lu, 'mem_unit': %u}", info->uptime, info->totalram, info->mem_unit);
}

static void thread_names(void)
{
	char *name;

	begin("prctl_set_name");
	arg_json("option", "'PR_SET_NAME'");
	CALL(prctl, PR_SET_NAME, in_path("arg2", "corpus-renamed"));
	works();

	begin("prctl_get_name");
	name = room("arg2", 16);
	arg_json("option", "'PR_GET_NAME'");
	CALL(prctl, PR_GET_NAME, name);
	works();
	got_raw("arg2", json_string(name));
	prctl(PR_SET_NAME, "corpus");
}

static void numbers(void)
{
	uid_t *real, *effective, *saved;
	unsigned *cpu;

	begin("getresuid");
	real = room("ruidp", sizeof(*real));
	effective = room("euidp", sizeof(*real));
	saved = room("suidp", sizeof(*real));
	CALL(getresuid, real, effective, saved);
	works();
	got_json("ruidp", "%d", (int)*real);
	got_json("euidp", "%d", (int)*effective);
	got_json("suidp", "%d", (int)*saved);

	begin("getcpu");
	cpu = room("cpup", sizeof(*cpu));
	CALL(getcpu, cpu, 0, 0);
	works();
	got_json("cpup", "%u", *cpu);
	is_null("nodep");
}

static void capabilities(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};

	begin("capget");
	capture("header", "read");
	capture("dataptr", "read");
	CALL(capget, place("header", &header, sizeof(header)), room("dataptr", 2 * sizeof(struct __user_cap_data_struct)));
	works();
}

void cases_identity(void)
{
	system_names();
	thread_names();
	numbers();
	capabilities();
}

/* The kernel's; its header and the C library's sched.h exclude each other. */
struct sched_attr {
	uint32_t size, sched_policy;
	uint64_t sched_flags;
	int32_t sched_nice;
	uint32_t sched_priority;
	uint64_t sched_runtime, sched_deadline, sched_period;
	uint32_t sched_util_min, sched_util_max;
};

static char *attributes_json(const struct sched_attr *attr)
{
	return json("{'size': %u, 'sched_policy': {'$any': ['SCHED_OTHER', 'SCHED_NORMAL', %u]}, 'sched_nice': %d}", attr->size,
		    attr->sched_policy, attr->sched_nice);
}

static void attributes(void)
{
	struct sched_attr attr = {.size = sizeof(attr)}, *got;

	begin("sched_setattr");
	CALL(sched_setattr, 0, in_raw("uattr", &attr, sizeof(attr), attributes_json(&attr)), 0);
	works();

	begin("sched_setattr_flags_refused");
	CALL(sched_setattr, 0, in_raw("uattr", &attr, sizeof(attr), attributes_json(&attr)), 1);
	fails(EINVAL);

	begin("sched_getattr");
	got = room("uattr", sizeof(*got));
	CALL(sched_getattr, 0, got, sizeof(*got), 0);
	works();
	got_raw("uattr", attributes_json(got));
}

static void parameters(void)
{
	struct sched_param param = {0};
	struct timespec *interval;

	begin("sched_setscheduler");
	arg_json("policy", "{'$any': ['SCHED_OTHER', 'SCHED_NORMAL']}");
	CALL(sched_setscheduler, 0, SCHED_OTHER, in_json("param", &param, sizeof(int), "{'$any': [{'sched_priority': 0}, 0]}"));
	works();

	begin("sched_rr_get_interval");
	interval = room("interval", sizeof(*interval));
	CALL(sched_rr_get_interval, 0, interval);
	works();
	got_json("interval", "{'tv_sec': %ld, 'tv_nsec': %ld}", (long)interval->tv_sec, interval->tv_nsec);
}

/* How a mask is shown is the table's choice: that it was captured is what counts. */
static void affinity(void)
{
	unsigned long mask[16];
	long len = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);

	begin("sched_getaffinity");
	CALL(sched_getaffinity, 0, sizeof(mask), room("user_mask_ptr", sizeof(mask)));
	works();
	capture("user_mask_ptr", "read");

	begin("sched_setaffinity");
	capture("user_mask_ptr", "read");
	CALL(sched_setaffinity, 0, len, place("user_mask_ptr", mask, (size_t)len));
	works();
}

void cases_sched(void)
{
	attributes();
	parameters();
	affinity();
}
