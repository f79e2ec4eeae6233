/* SPDX-License-Identifier: Apache-2.0 */
/* Names coming out: links, the directory, its entries; extended attributes. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	uint8_t d_type;
	char d_name[];
};

static void links(void)
{
	char *target;

	begin("readlinkat");
	target = room("buf", 64);
	arg_int("bufsiz", 64);
	CALL(readlinkat, AT_FDCWD, in_path("pathname", LINK_FILE), target, 64);
	works();
	got_bytes("buf", target, strlen(DATA_FILE));

	begin("readlinkat_not_a_link");
	CALL(readlinkat, AT_FDCWD, in_path("pathname", DATA_FILE), room("buf", 64), 64);
	is_unset("buf");
	fails(EINVAL);
#ifdef SYS_readlink
	begin("readlink");
	target = room("buf", 64);
	CALL(readlink, in_path("path", LINK_FILE), target, 64);
	works();
	got_bytes("buf", target, strlen(DATA_FILE));

	begin("readlink_size_refused");
	CALL(readlink, in_path("path", "never-read-by-the-kernel"), room("buf", 64), 0);
	is_unset("buf");
	fails(EINVAL);
#endif
}

/* The NUL counts in the return value: with it or without, the name is right. */
static void directory(void)
{
	char *name;

	begin("getcwd");
	name = room("buf", 4096);
	arg_size("size", 4096);
	CALL(getcwd, name, 4096);
	works();
	got_json("buf", "{'$any': [%s, %s]}", json_string(name), json_bytes(name, strlen(name) + 1));

	begin("getcwd_too_small");
	CALL(getcwd, room("buf", 2), 2);
	is_unset("buf");
	fails(ERANGE);
}

static const char *type_name(uint8_t type)
{
	return type == DT_DIR ? "DT_DIR" : type == DT_REG ? "DT_REG" : "DT_UNKNOWN";
}

static char *entries_json(const char *at, long len)
{
	char *list = "";

	for (const char *end = at + len; at < end; at += ((const struct linux_dirent64 *)at)->d_reclen) {
		const struct linux_dirent64 *entry = (const void *)at;

		list = json("%s%s{'d_ino': %llu, 'd_off': %lld, 'd_reclen': %u, 'd_type': '%s', 'd_name': %s}", list,
			    *list ? ", " : "", (unsigned long long)entry->d_ino, (long long)entry->d_off, entry->d_reclen,
			    type_name(entry->d_type), json_string(entry->d_name));
	}
	return json("[%s]", list);
}

static void entries(void)
{
	int fd = open(LIST_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *at;
	long len;

	begin("getdents64");
	at = room("dirent", 2048);
	arg_int("count", 2048);
	len = CALL(getdents64, fd, at, 2048);
	works();
	got_raw("dirent", entries_json(at, len));

	begin("getdents64_end");
	CALL(getdents64, fd, room("dirent", 2048), 2048);
	works();
	got_json("dirent", "[]");

	begin("getdents64_bad_fd");
	CALL(getdents64, -1, room("dirent", 2048), 2048);
	is_unset("dirent");
	fails(EBADF);
	close(fd);
}

void cases_name_out(void)
{
	links();
	directory();
	entries();
}

/* Not every file system has user attributes: what came is what is expected. */
static void xattr_in(void)
{
	begin("setxattr");
	arg_size("size", 5);
	CALL(setxattr, in_path("pathname", DATA_FILE), in_path("name", "user.corpus"), in_bytes("value", "value", 5), 5, 0);

	begin("setxattr_missing");
	CALL(setxattr, in_path("pathname", "missing-xattr"), in_path("name", "user.corpus"),
	     in_bytes("value", pattern('v', 2000), 2000), 2000, XATTR_CREATE);
	fails(ENOENT);

	begin("fsetxattr_bad_fd");
	CALL(fsetxattr, -1, in_path("name", "user.corpus"), in_bytes("value", "unread", 6), 6, 0);
	fails(EBADF);
}

static void xattr_out(void)
{
	char *value;
	long len;

	begin("getxattr");
	value = room("value", 64);
	len = CALL(getxattr, in_path("pathname", DATA_FILE), in_path("name", "user.corpus"), value, 64);
	if (len >= 0)
		got_bytes("value", value, (size_t)len);
	else
		is_unset("value");

	begin("getxattr_missing");
	CALL(getxattr, in_path("pathname", DATA_FILE), in_path("name", "user.corpus-missing"), room("value", 64), 64);
	is_unset("value");

	begin("removexattr");
	CALL(removexattr, in_path("pathname", DATA_FILE), in_path("name", "user.corpus"));
}

void cases_xattr(void)
{
	xattr_in();
	xattr_out();
}
