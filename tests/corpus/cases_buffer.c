/* SPDX-License-Identifier: Apache-2.0 */
/* One buffer with a length: written from, also where the kernel never looks at it, and read into. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

static void write_from(const char *name, int fd, const char *data, size_t len)
{
	begin(name);
	arg_int("fd", fd);
	arg_size("count", len);
	CALL(write, fd, in_bytes("buf", data, len), len);
}

static void write_split(const char *name, int fd, const char *data, size_t len)
{
	begin(name);
	expect_bytes("buf", data, len);
	CALL(write, fd, place_split("buf", data, len), len);
}

static void to_dev_null(void)
{
	int fd = dev_null();

	write_from("write_devnull", fd, pattern('a', 4096), 4096);
	works();
	write_from("write_devnull_one_byte", fd, "x", 1);
	works();
	write_from("write_devnull_4097", fd, pattern('b', 4097), 4097);
	works();
	write_from("write_devnull_20000", fd, pattern('c', 20000), 20000);
	works();
	write_from("write_devnull_none", fd, "", 0);
	works();
	write_split("write_devnull_second_page_absent", fd, pattern('d', 600), 600);
	works();
	close(fd);
}

static void to_bad_fd(void)
{
	write_from("write_bad_fd", -1, pattern('e', 4096), 4096);
	fails(EBADF);
	write_from("write_bad_fd_999", BAD_FD, pattern('f', 4096), 4096);
	fails(EBADF);
	write_from("write_bad_fd_10000", -1, pattern('g', 10000), 10000);
	fails(EBADF);
	write_split("write_bad_fd_second_page_absent", -1, pattern('h', 600), 600);
	fails(EBADF);
}

static void contents(void)
{
	int fd = dev_null();

	write_from("write_not_utf8", fd, "\xff\xfe\x00\x80" "abc", 7);
	write_from("write_nuls", fd, "a\0b\0c\0\0", 7);
	write_from("write_utf8", fd, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9);
	write_from("write_control_characters", fd, "\x1b]0;title\x07\r\n\"\\'\x7f", 17);
	close(fd);
}

static void to_pipe(void)
{
	int ends[2];

	make_pipe(ends);
	write_from("write_pipe", ends[1], "through a pipe", 14);
	works();
	close_both(ends);
}

static void pwrite_to(const char *name, int fd, size_t len)
{
	const char *data = pattern('p', len);

	begin(name);
	arg_int("fd", fd);
	expect_bytes("buf", data, len);
	arg_int("pos", 4096);
	CALL(pwrite64, fd, place("buf", data, len), len, 4096);
}

static void pwrites(void)
{
	int null = dev_null(), file = data_file(O_WRONLY);

	pwrite_to("pwrite64_devnull", null, 4096);
	works();
	pwrite_to("pwrite64_bad_fd", -1, 4096);
	fails(EBADF);
	pwrite_to("pwrite64_truncated", null, 5000);
	works();
	begin("pwrite64_negative_offset");
	arg_int("pos", -7);
	CALL(pwrite64, file, in_bytes("buf", "never read", 10), 10, -7);
	fails(EINVAL);
	close(null);
	close(file);
}

static void send_to(void)
{
	begin("sendto_bad_fd_no_address");
	arg_size("len", 4096);
	CALL(sendto, -1, in_bytes("buff", pattern('s', 4096), 4096), 4096, MSG_DONTWAIT, 0, 0);
	is_null("addr");
	fails(EBADF);
}

void cases_buffer_in(void)
{
	to_dev_null();
	to_bad_fd();
	contents();
	to_pipe();
	pwrites();
	send_to();
}

static void read_into(int fd, char *at, size_t size)
{
	long len;

	arg_int("fd", fd);
	arg_size("count", size);
	len = CALL(read, fd, at, size);
	works();
	got_bytes("buf", at, (size_t)len);
}

static void reads(void)
{
	int fd = data_file(O_RDONLY), zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	begin("read_file");
	read_into(fd, room("buf", 100), 100);
	begin("read_4096");
	read_into(fd, room("buf", 4096), 4096);
	begin("read_anonymous");
	read_into(fd, room_anonymous("buf", 300), 300);
	begin("read_zeros");
	read_into(zero, room("buf", 16), 16);
	lseek(fd, -10, SEEK_END);
	begin("read_short");
	read_into(fd, room("buf", 100), 100);
	begin("read_end_of_file");
	read_into(fd, room("buf", 100), 100);
	close(zero);
	close(fd);
}

static void read_truncated(void)
{
	int fd = data_file(O_RDONLY);
	char *at;

	begin("read_truncated");
	at = room("buf", 6000);
	CALL(read, fd, at, 6000);
	works();
	expect_bytes("buf", at, 6000);
	close(fd);
}

static void preads(void)
{
	int fd = data_file(O_RDONLY);
	char *at;

	begin("pread64");
	at = room("buf", 64);
	arg_int("pos", 1000);
	CALL(pread64, fd, at, 64, 1000);
	works();
	got_bytes("buf", at, 64);
	close(fd);
}

static void reads_that_fail(void)
{
	int ends[2];

	begin("read_bad_fd");
	CALL(read, -1, room("buf", 64), 64);
	is_unset("buf");
	fails(EBADF);

	make_pipe(ends);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	begin("read_would_block");
	CALL(read, ends[0], room("buf", 64), 64);
	is_unset("buf");
	fails(EAGAIN);
	close_both(ends);
}

static void random_bytes(void)
{
	char *at;

	begin("getrandom");
	at = room("ubuf", 24);
	CALL(getrandom, at, 24, 1);
	works();
	got_bytes("ubuf", at, 24);
}

void cases_buffer_out(void)
{
	reads();
	read_truncated();
	preads();
	reads_that_fail();
	random_bytes();
}
