/* SPDX-License-Identifier: Apache-2.0 */
/* stat and its family: a path in, a structure out. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

static void got_stat(const struct stat *st)
{
	got_json("statbuf", "{'st_ino': %lu, 'st_size': %ld, 'st_uid': %u, 'st_gid': %u, 'st_nlink': %lu, 'st_blksize': %ld}",
		 (unsigned long)st->st_ino, (long)st->st_size, st->st_uid, st->st_gid, (unsigned long)st->st_nlink,
		 (long)st->st_blksize);
}

static void with_descriptor(void)
{
	int fd = data_file(O_RDONLY);
	struct stat *st;

	begin("fstat");
	st = room("statbuf", sizeof(*st));
	arg_int("fd", fd);
	CALL(fstat, fd, st);
	works();
	got_stat(st);

	begin("fstat_anonymous");
	st = room_anonymous("statbuf", sizeof(*st));
	CALL(fstat, fd, st);
	works();
	got_stat(st);

	begin("fstat_bad_fd");
	CALL(fstat, BAD_FD, room("statbuf", sizeof(*st)));
	is_unset("statbuf");
	fails(EBADF);
	close(fd);
}

static void with_path(void)
{
	struct stat *st;

	begin("newfstatat");
	st = room("statbuf", sizeof(*st));
	arg_json("flag", "'AT_SYMLINK_NOFOLLOW'");
	CALL(newfstatat, AT_FDCWD, in_path("filename", LINK_FILE), st, AT_SYMLINK_NOFOLLOW);
	works();
	got_stat(st);

	begin("newfstatat_missing");
	st = room("statbuf", sizeof(*st));
	CALL(newfstatat, AT_FDCWD, in_path("filename", "missing-stat"), st, 0);
	is_unset("statbuf");
	fails(ENOENT);
#ifdef SYS_stat
	begin("stat");
	st = room("statbuf", sizeof(*st));
	CALL(stat, in_path("filename", DATA_FILE), st);
	works();
	got_stat(st);

	begin("lstat");
	st = room("statbuf", sizeof(*st));
	CALL(lstat, in_path("filename", LINK_FILE), st);
	works();
	got_stat(st);

	begin("stat_missing");
	CALL(stat, in_path("filename", "missing-stat"), room("statbuf", sizeof(*st)));
	is_unset("statbuf");
	fails(ENOENT);
#endif
}

static void extended(void)
{
	struct statx *sx;

	begin("statx");
	sx = room("buffer", sizeof(*sx));
	CALL(statx, AT_FDCWD, in_path("filename", DATA_FILE), AT_STATX_DONT_SYNC, STATX_BASIC_STATS, sx);
	works();
	got_json("buffer", "{'stx_size': %llu, 'stx_ino': %llu, 'stx_nlink': %u, 'stx_uid': %u, 'stx_blksize': %u}",
		 (unsigned long long)sx->stx_size, (unsigned long long)sx->stx_ino, sx->stx_nlink, sx->stx_uid,
		 sx->stx_blksize);

	begin("statx_missing");
	CALL(statx, AT_FDCWD, in_path("filename", "missing-statx"), 0, STATX_SIZE, room("buffer", sizeof(*sx)));
	is_unset("buffer");
	fails(ENOENT);
}

static void file_systems(void)
{
	struct statfs *fs;

	begin("statfs");
	fs = room("buf", sizeof(*fs));
	CALL(statfs, in_path("pathname", "."), fs);
	works();
	got_json("buf", "{'f_bsize': %ld, 'f_namelen': %ld}", (long)fs->f_bsize, (long)fs->f_namelen);
}

void cases_stat(void)
{
	with_descriptor();
	with_path();
	extended();
	file_systems();
}
