/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments whose meaning the command decides: fcntl, ioctl, futex. And calls that give two descriptors. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

static const struct flock write_lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 20};
#define WRITE_LOCK_JSON "{'l_type': 'F_WRLCK', 'l_whence': 'SEEK_SET', 'l_start': 10, 'l_len': 20}"

static struct flock *lock(const char *name, int fd, int command, const char *command_name)
{
	struct flock *at;

	begin(name);
	arg_json("cmd", "'%s'", command_name);
	at = in_json("arg", &write_lock, sizeof(write_lock), WRITE_LOCK_JSON);
	CALL(fcntl, fd, command, at);
	return at;
}

void cases_fcntl(void)
{
	int fd = data_file(O_RDWR);
	struct f_owner_ex *owner;

	lock("fcntl_getlk", fd, F_GETLK, "F_GETLK");
	works();
	after("arg", "{'l_type': 'F_UNLCK'}");
	lock("fcntl_setlk", fd, F_SETLK, "F_SETLK");
	works();
	lock("fcntl_setlk_bad_fd", BAD_FD, F_SETLK, "F_SETLK");
	fails(EBADF);
	close(fd);
	fd = data_file(O_RDWR);
	lock("fcntl_ofd_getlk", fd, F_OFD_GETLK, "F_OFD_GETLK");
	works();
	after("arg", "{'l_type': 'F_UNLCK'}");
	lock("fcntl_ofd_setlk", fd, F_OFD_SETLK, "F_OFD_SETLK");
	works();
	lock("fcntl_ofd_setlkw_bad_fd", -1, F_OFD_SETLKW, "F_OFD_SETLKW");
	fails(EBADF);

	begin("fcntl_getown_ex");
	owner = room("arg", sizeof(*owner));
	arg_json("cmd", "'F_GETOWN_EX'");
	CALL(fcntl, fd, F_GETOWN_EX, owner);
	works();
	capture("arg", "read");
	close(fd);
}

static void terminals(int null)
{
	struct termios *at;

	begin("ioctl_tcgets_no_terminal");
	arg_json("cmd", "'TCGETS'");
	at = room("arg", sizeof(*at));
	CALL(ioctl, null, TCGETS, at);
	is_unset("arg");
	fails(ENOTTY);

	begin("ioctl_tcgets_bad_fd");
	CALL(ioctl, -1, TCGETS, room("arg", sizeof(*at)));
	is_unset("arg");
	fails(EBADF);
}

static void counts(void)
{
	int ends[2], *at, on = 1;

	make_pipe(ends);
	if (write(ends[1], "12345", 5) != 5)
		die("cannot fill the pipe");
	begin("ioctl_fionread");
	arg_json("cmd", "'FIONREAD'");
	at = room("arg", sizeof(*at));
	CALL(ioctl, ends[0], FIONREAD, at);
	works();
	got_json("arg", "{'$any': [5, [5], %s]}", json_bytes(at, sizeof(*at)));

	begin("ioctl_fionbio");
	arg_json("cmd", "'FIONBIO'");
	CALL(ioctl, ends[0], FIONBIO, in_json("arg", &on, sizeof(on), "{'$any': [1, [1], %s]}", json_bytes(&on, sizeof(on))));
	works();
	close_both(ends);
}

/* Commands that nobody knows: only the number says the direction and the size. */
static void by_size(int null)
{
	const char *text = pattern('i', 64);

	begin("ioctl_sized_in");
	arg_int("fd", null);
	CALL(ioctl, null, _IOW('Z', 0x7b, char[64]), in_bytes("arg", text, 64));
	fails(ENOTTY);

	begin("ioctl_sized_in_bad_fd");
	CALL(ioctl, BAD_FD, _IOW('Z', 0x7b, char[64]), in_bytes("arg", text, 64));
	fails(EBADF);

	begin("ioctl_sized_both");
	CALL(ioctl, null, _IOWR('Z', 0x7c, char[32]), in_bytes("arg", text, 32));
	fails(ENOTTY);

	begin("ioctl_sized_out");
	CALL(ioctl, null, _IOR('Z', 0x7d, char[32]), room("arg", 32));
	is_unset("arg");
	fails(ENOTTY);
}

/* Not every file system has these; the list of interfaces every system has. */
static void known(void)
{
	int fd = data_file(O_RDONLY), net = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifconf list = {.ifc_len = 0};

	begin("ioctl_getflags");
	arg_json("cmd", "'FS_IOC_GETFLAGS'");
	if (CALL(ioctl, fd, FS_IOC_GETFLAGS, room("arg", sizeof(long))) < 0)
		is_unset("arg");
	else
		capture("arg", "read");

	begin("ioctl_gifconf");
	CALL(ioctl, net, SIOCGIFCONF, place("arg", &list, sizeof(list)));
	capture("arg", "read");
	close(net);
	close(fd);
}

void cases_ioctl(void)
{
	int null = dev_null();

	terminals(null);
	counts();
	by_size(null);
	known();
	close(null);
}

static void *in_word(uint32_t word)
{
	void *at = place("uaddr", &word, sizeof(word));

	arg_json("uaddr", "{'$any': [%u, [%u], '0x%lx']}", word, word, (unsigned long)at);
	return at;
}

void cases_futex(void)
{
	struct timespec timeout = {5, 6};

	begin("futex_wait_again");
	arg_int("val", 8);
	CALL(futex, in_word(7), FUTEX_WAIT_PRIVATE, 8,
	     in_json("utime", &timeout, sizeof(timeout), "{'tv_sec': 5, 'tv_nsec': 6}"), 0, 0);
	fails(EAGAIN);

	begin("futex_wait_bitset_again");
	CALL(futex, in_word(7), FUTEX_WAIT_BITSET, 9,
	     in_json("utime", &timeout, sizeof(timeout), "{'tv_sec': 5, 'tv_nsec': 6}"), 0, 0xffffffff);
	fails(EAGAIN);

	begin("futex_timeout_refused");
	timeout.tv_nsec = -6;
	CALL(futex, in_word(7), FUTEX_WAIT, 7,
	     in_json("utime", &timeout, sizeof(timeout), "{'tv_sec': 5, 'tv_nsec': -6}"), 0, 0);
	fails(EINVAL);

	begin("futex_wake");
	CALL(futex, in_word(7), FUTEX_WAKE, 1, 0, 0, 0);
	works();
}

static void got_pair(const char *name, const int *pair)
{
	got_json(name, "[%d, %d]", pair[0], pair[1]);
	close_both(pair);
}

static void offsets(void)
{
	int in = data_file(O_RDONLY), ends[2];
	int64_t offset = 100;

	make_pipe(ends);
	begin("splice");
	CALL(splice, in, in_json("off_in", &offset, 8, "100"), ends[1], 0, 50, 0);
	works();
	is_null("off_out");
	after("off_in", "150");

	begin("sendfile");
	CALL(sendfile, ends[1], in, in_json("offset", &offset, 8, "100"), 60);
	works();
	after("offset", "160");

	begin("copy_file_range_bad_fd");
	CALL(copy_file_range, -1, in_json("off_in", &offset, 8, "100"), -1, in_json("off_out", &offset, 8, "100"), 60, 0);
	fails(EBADF);
	close_both(ends);
	close(in);
}

void cases_pair(void)
{
	int *pair;

	begin("pipe2");
	pair = room("fildes", sizeof(int[2]));
	arg_json("flags", "'O_CLOEXEC'");
	CALL(pipe2, pair, O_CLOEXEC);
	works();
	got_pair("fildes", pair);

	begin("pipe2_flags_refused");
	CALL(pipe2, room("fildes", sizeof(int[2])), 0x40000000);
	is_unset("fildes");
	fails(EINVAL);

	begin("socketpair");
	pair = room("usockvec", sizeof(int[2]));
	arg_json("family", "'AF_UNIX'");
	CALL(socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	works();
	got_pair("usockvec", pair);
	offsets();
}
