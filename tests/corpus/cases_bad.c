/* SPDX-License-Identifier: Apache-2.0 */
/* Pointers that lead nowhere (fault), and no pointer at all (null). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

struct place {
	const char *name;
	char *at;
};

enum { PLACES = 7 };

static char *low_address(void)
{
	return (char *)0x1000;
}

/* No access, with a page of that kind behind it. */
static char *closed_pages(void)
{
	return mmap(NULL, 2 * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Mapped, but the file ends before it: SIGBUS for the program, EFAULT for the kernel. */
static char *behind_the_file(void)
{
	int fd = memfd_create("corpus-short", MFD_CLOEXEC);
	char *at = mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, fd, 0);

	close(fd);
	return at;
}

static void all_places(struct place places[PLACES])
{
	const char *names[PLACES] = {"low", "kernel", "noncanonical", "no_access", "behind_file", "unmapped",
				     "last"};
	char *unmapped = closed_pages();
	char *ats[PLACES] = {low_address(), (char *)0xffff888000001000, (char *)0x0000900000001000, closed_pages(),
			     behind_the_file(), unmapped, (char *)-1};

	munmap(unmapped, page_size);
	for (int i = 0; i < PLACES; i++)
		places[i] = (struct place){names[i], ats[i]};
}

static void strings_and_buffers(const struct place *bad)
{
	int null = dev_null();

	begin(json("openat_bad_%s", bad->name));
	is_fault("filename");
	CALL(openat, AT_FDCWD, bad->at, O_RDONLY);
	fails(EFAULT);

	begin(json("write_devnull_bad_%s", bad->name));
	is_fault("buf");
	CALL(write, null, bad->at, 100);

	begin(json("write_bad_fd_bad_%s", bad->name));
	is_fault("buf");
	CALL(write, -1, bad->at, 100);
	fails(EBADF);

	begin(json("connect_bad_fd_bad_%s", bad->name));
	is_fault("uservaddr");
	CALL(connect, -1, bad->at, 16);
	fails(EBADF);

	begin(json("rename_first_bad_%s", bad->name));
	is_fault("oldname");
	CALL(renameat2, AT_FDCWD, bad->at, AT_FDCWD, in_path("newname", "missing-new"), 0);
	fails(EFAULT);
	close(null);
}

static void vectors(const struct place *bad)
{
	struct iovec vector[2] = {{"good", 4}, {bad->at, 40}};
	struct msghdr message = {.msg_name = bad->at, .msg_namelen = 16, .msg_iov = vector, .msg_iovlen = 1};

	begin(json("writev_bad_fd_array_%s", bad->name));
	is_fault("vec");
	CALL(writev, -1, bad->at, 2);
	fails(EBADF);

	begin(json("writev_bad_fd_buffer_%s", bad->name));
	arg_json("vec", "[{'iov_base': 'good', 'iov_len': 4}, {'iov_base': null, 'iov_len': 40}]");
	CALL(writev, -1, place("vec", vector, sizeof(vector)), 2);
	fails(EBADF);

	begin(json("sendmsg_bad_fd_%s", bad->name));
	is_fault("msg");
	CALL(sendmsg, -1, bad->at, 0);
	fails(EBADF);

	begin(json("sendmsg_bad_fd_name_%s", bad->name));
	arg_json("msg", "{'msg_name': null, 'msg_iov': [{'iov_base': 'good', 'iov_len': 4}], 'msg_control': null}");
	CALL(sendmsg, -1, place("msg", &message, sizeof(message)), 0);
	fails(EBADF);
}

static void structures(const struct place *bad)
{
	begin(json("nanosleep_bad_%s", bad->name));
	is_fault("rqtp");
	CALL(nanosleep, bad->at, 0);
	fails(EFAULT);

	begin(json("ppoll_bad_%s", bad->name));
	is_fault("ufds");
	CALL(ppoll, bad->at, 2, 0, 0, 8);
	fails(EFAULT);

	begin(json("epoll_ctl_bad_%s", bad->name));
	is_fault("event");
	CALL(epoll_ctl, -1, EPOLL_CTL_ADD, 0, bad->at);
	fails(EFAULT);

	begin(json("rt_sigaction_bad_%s", bad->name));
	is_fault("act");
	CALL(rt_sigaction, SIGUSR2, bad->at, 0, 8);
	fails(EFAULT);

	begin(json("clone3_bad_%s", bad->name));
	is_fault("uargs");
	CALL(clone3, bad->at, sizeof(struct clone_args));
	fails(EFAULT);

	begin(json("fcntl_setlk_bad_%s", bad->name));
	is_fault("arg");
	CALL(fcntl, 0, F_OFD_SETLK, bad->at);
}

static void programs(const struct place *bad)
{
	const char *argv[3] = {"good", bad->at, NULL};

	begin(json("execve_path_bad_%s", bad->name));
	is_fault("filename");
	CALL(execve, bad->at, 0, 0);
	fails(EFAULT);

	begin(json("execve_argv_bad_%s", bad->name));
	is_fault("argv");
	CALL(execve, in_path("filename", PROGRAM), bad->at, 0);
	fails(EFAULT);

	begin(json("execve_argument_bad_%s", bad->name));
	arg_json("argv", "['good', null]");
	CALL(execve, in_path("filename", PROGRAM), place("argv", argv, sizeof(argv)), 0);
	fails(EFAULT);
}

/* An output that could not be written: that it failed says as much as that it would fault. */
static void outputs(const struct place *bad)
{
	int fd = data_file(O_RDONLY);

	begin(json("read_bad_%s", bad->name));
	capture("buf", "fault|unset");
	arg_json("buf", "null");
	CALL(read, fd, bad->at, 100);
	fails(EFAULT);

	begin(json("fstat_bad_%s", bad->name));
	capture("statbuf", "fault|unset");
	arg_json("statbuf", "null");
	CALL(fstat, fd, bad->at);
	fails(EFAULT);

	begin(json("newfstatat_bad_%s", bad->name));
	capture("statbuf", "fault|unset");
	CALL(newfstatat, AT_FDCWD, in_path("filename", DATA_FILE), bad->at, 0);
	fails(EFAULT);
	close(fd);
}

/* The last bytes before a page that may not be read. */
static char *before_the_end(size_t count)
{
	char *map = closed_pages();

	if (mprotect(map, page_size, PROT_READ | PROT_WRITE))
		die("mprotect");
	memset(map, 'x', page_size);
	mprotect(map, page_size, PROT_READ);
	return map + page_size - count;
}

static void over_the_end(void)
{
	struct timespec *time = (void *)before_the_end(8);
	int null = dev_null();

	begin("openat_runs_off_the_end");
	is_fault("filename");
	CALL(openat, AT_FDCWD, before_the_end(5), O_RDONLY);
	fails(EFAULT);

	begin("openat_runs_off_the_end_long");
	is_fault("filename");
	CALL(openat, AT_FDCWD, before_the_end(2000), O_RDONLY);
	fails(EFAULT);

	begin("write_runs_off_the_end");
	capture("buf", "fault|truncated");
	CALL(write, null, before_the_end(50), 100);
	works();

	begin("write_bad_fd_runs_off_the_end");
	capture("buf", "fault|truncated");
	CALL(write, -1, before_the_end(50), 100);
	fails(EBADF);

	begin("nanosleep_runs_off_the_end");
	is_fault("rqtp");
	CALL(nanosleep, time, 0);
	fails(EFAULT);
	close(null);
}

void cases_bad_pointer(void)
{
	struct place places[PLACES];

	all_places(places);
	for (int i = 0; i < PLACES; i++) {
		strings_and_buffers(&places[i]);
		vectors(&places[i]);
		structures(&places[i]);
		programs(&places[i]);
		outputs(&places[i]);
	}
	over_the_end();
}

static void null_inputs(void)
{
	int null = dev_null();

	begin("openat_null");
	is_null("filename");
	CALL(openat, AT_FDCWD, 0, O_RDONLY);
	fails(EFAULT);

	begin("write_null_nothing");
	is_null("buf");
	CALL(write, null, 0, 0);
	works();

	begin("write_null_bad_fd");
	is_null("buf");
	CALL(write, -1, 0, 10);
	fails(EBADF);

	begin("writev_null");
	is_null("vec");
	CALL(writev, null, 0, 0);
	works();

	begin("connect_null");
	is_null("uservaddr");
	CALL(connect, -1, 0, 0);
	fails(EBADF);

	begin("sendmsg_null");
	is_null("msg");
	CALL(sendmsg, -1, 0, 0);
	fails(EBADF);

	begin("mount_null");
	is_null("dev_name");
	is_null("data");
	CALL(mount, 0, in_path("dir_name", "missing-mount"), in_path("type", "corpusfs"), 0, 0);

	begin("execve_null_arrays");
	is_null("argv");
	is_null("envp");
	CALL(execve, in_path("filename", "missing-program"), 0, 0);
	fails(ENOENT);
	close(null);
}

static void null_outputs(void)
{
	begin("read_null_nothing");
	is_null("buf");
	CALL(read, -1, 0, 0);
	fails(EBADF);

	begin("fstat_null");
	is_null("statbuf");
	CALL(fstat, -1, 0);
	fails(EBADF);

	begin("rt_sigaction_null");
	is_null("act");
	is_null("oact");
	CALL(rt_sigaction, SIGUSR2, 0, 0, 8);
	works();

	begin("rt_sigprocmask_null");
	is_null("nset");
	is_null("oset");
	CALL(rt_sigprocmask, SIG_BLOCK, 0, 0, 8);
	works();

	begin("ppoll_null");
	is_null("ufds");
	is_null("sigmask");
	CALL(ppoll, 0, 0, in_json("tsp", (&(struct timespec){0, 1}), sizeof(struct timespec), "{'tv_sec': 0, 'tv_nsec': 1}"), 0, 8);
	works();

	begin("wait4_null");
	is_null("stat_addr");
	is_null("ru");
	CALL(wait4, -1, 0, WNOHANG, 0);
	fails(ECHILD);

	begin("getresuid_null");
	is_null("ruidp");
	CALL(getresuid, 0, 0, 0);
	fails(EFAULT);
}

void cases_null(void)
{
	null_inputs();
	null_outputs();
}
