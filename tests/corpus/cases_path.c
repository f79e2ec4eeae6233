/* SPDX-License-Identifier: Apache-2.0 */
/* Paths: where they lie on the page, how long they are, what they hold; calls that never read them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

static void arg_here(void)
{
	arg_json("dfd", "'AT_FDCWD'");
}

/* "/./././missing" of exactly `len` bytes: long, and valid. */
static char *long_path(size_t len)
{
	char *path = pattern('a', len);

	for (size_t i = 0; i < len; i++)
		path[i] = i % 2 ? '.' : '/';
	memcpy(path + len - strlen("/missing"), "/missing", strlen("/missing"));
	if (path[len - strlen("/missing") - 1] == '/')
		path[len - strlen("/missing") - 1] = '.';
	return path;
}

static void open_missing(const char *path, char *at)
{
	arg_here();
	expect_path("filename", path);
	arg_json("flags", "'O_RDONLY|O_CLOEXEC'");
	CALL(openat, AT_FDCWD, at, O_RDONLY | O_CLOEXEC);
	fails(ENOENT);
}

static void at_offset(const char *name, size_t offset, const char *path)
{
	begin(name);
	open_missing(path, place_at("filename", offset, path, strlen(path) + 1));
}

static void lengths(void)
{
	at_offset("openat_page_start", 0, "missing-page-start");
	at_offset("openat_page_end", page_size - sizeof("missing-page-end"), "missing-page-end");
	at_offset("openat_3000", 0, long_path(3000));
	at_offset("openat_3000_two_cold_pages", page_size - 1000, long_path(3000));
	at_offset("openat_4095", 0, long_path(PATH_MAX - 1));
	at_offset("openat_4095_two_cold_pages", 1, long_path(PATH_MAX - 1));
}

static void second_page_absent(const char *name, const char *path)
{
	begin(name);
	open_missing(path, place_split("filename", path, strlen(path) + 1));
}

static void contents(void)
{
	at_offset("openat_utf8", 0, "missing-\xc3\xa4-\xe2\x82\xac-\xf0\x9f\x98\x80");
	at_offset("openat_not_utf8", 0, "missing-\xff\xfe\x80");
	at_offset("openat_control_characters", 0, "missing\n\t\x1b[31m\x7f\"\\'");
	at_offset("openat_empty_string", 0, "");
}

static void open_works(void)
{
	long fd;

	begin("openat_works");
	arg_here();
	fd = CALL(openat, AT_FDCWD, in_path("filename", DATA_FILE), O_RDONLY | O_CLOEXEC);
	works();
	close((int)fd);
}

/* The flags are refused before the kernel looks at the path. */
static void never_read(void)
{
	begin("openat_flags_refused");
	arg_here();
	CALL(openat, AT_FDCWD, in_path("filename", "never-read-by-the-kernel"), O_TMPFILE | O_RDONLY);
	fails(EINVAL);

	begin("unlinkat_flags_refused");
	arg_here();
	CALL(unlinkat, AT_FDCWD, in_path("pathname", "never-read-by-the-kernel"), 0x40000000);
	fails(EINVAL);
}

static void too_long(void)
{
	char *path = long_path(5000);

	begin("openat_too_long");
	capture("filename", "read|truncated");
	CALL(openat, AT_FDCWD, place("filename", path, 5001), O_RDONLY);
	fails(ENAMETOOLONG);
}

static void other_calls(void)
{
	begin("faccessat");
	arg_here();
	CALL(faccessat, AT_FDCWD, in_path("filename", DATA_FILE), R_OK);
	works();

	begin("mkdirat");
	arg_json("mode", "'0750'");
	CALL(mkdirat, AT_FDCWD, in_path("pathname", LIST_DIR), 0750);
	fails(EEXIST);

	begin("unlinkat");
	arg_json("flag", "'AT_REMOVEDIR'");
	CALL(unlinkat, AT_FDCWD, in_path("pathname", "missing-dir"), AT_REMOVEDIR);
	fails(ENOENT);

	begin("truncate");
	arg_int("length", DATA_FILE_SIZE);
	CALL(truncate, in_path("path", DATA_FILE), DATA_FILE_SIZE);
	works();

	begin("fchmodat");
	arg_json("mode", "'0644'");
	CALL(fchmodat, AT_FDCWD, in_path("filename", DATA_FILE), 0644);
	works();

	begin("fchownat");
	arg_int("user", -1);
	CALL(fchownat, AT_FDCWD, in_path("filename", DATA_FILE), -1, -1, 0);
	works();

	begin("chdir");
	CALL(chdir, in_path("filename", "."));
	works();

	begin("memfd_create");
	close((int)CALL(memfd_create, in_path("uname", "corpus-memfd"), 0));
	works();

	begin("mknodat");
	CALL(mknodat, AT_FDCWD, in_path("filename", DATA_FILE), S_IFREG | 0600, 0);
	fails(EEXIST);
}

/* May be missing from the kernel, or refused to this user: what came is what is expected. */
static void depends_on_rights(void)
{
	begin("mq_open");
	CALL(mq_open, in_path("u_name", "corpus-missing-queue"), O_RDWR, 0, 0);
	is_null("u_attr");

	begin("mq_unlink");
	CALL(mq_unlink, in_path("u_name", "corpus-missing-queue"));

	begin("umount2");
	CALL(umount2, in_path("name", "missing-mount"), 0);

	begin("chroot");
	CALL(chroot, in_path("filename", "missing-root"));
	begin("swapoff");
	CALL(swapoff, in_path("specialfile", "missing-swap"));
}

static void inotify(void)
{
	int fd = (int)syscall(SYS_inotify_init1, O_CLOEXEC);

	begin("inotify_add_watch");
	arg_json("mask", "'IN_MODIFY|IN_CREATE'");
	CALL(inotify_add_watch, fd, in_path("pathname", LIST_DIR), 0x102);
	works();
	close(fd);

	begin("inotify_add_watch_bad_fd");
	arg_int("fd", -1);
	CALL(inotify_add_watch, -1, in_path("pathname", "watched-by-nobody"), 2);
	fails(EBADF);
}

#ifdef SYS_open /* the calls that only the older architectures have */
static void older_calls(void)
{
	begin("open");
	arg_json("flags", "'O_WRONLY|O_EXCL|O_NOFOLLOW'");
	CALL(open, in_path("filename", "missing-open"), O_WRONLY | O_EXCL | O_NOFOLLOW);
	fails(ENOENT);

	begin("access");
	CALL(access, in_path("filename", "missing-access"), R_OK);
	fails(ENOENT);

	begin("unlink");
	CALL(unlink, in_path("pathname", "missing-unlink"));
	fails(ENOENT);

	begin("rmdir");
	CALL(rmdir, in_path("pathname", "missing-rmdir"));
	fails(ENOENT);

	begin("mkdir");
	CALL(mkdir, in_path("pathname", LIST_DIR), 0700);
	fails(EEXIST);

	begin("chmod");
	CALL(chmod, in_path("filename", "missing-chmod"), 0644);
	fails(ENOENT);

	begin("creat");
	CALL(creat, in_path("pathname", LIST_DIR), 0600);
	fails(EISDIR);
}
#else
static void older_calls(void)
{
}
#endif

void cases_path(void)
{
	lengths();
	second_page_absent("openat_second_page_absent", "missing-across-two-pages");
	second_page_absent("openat_3000_second_page_absent", long_path(3000));
	contents();
	open_works();
	never_read();
	too_long();
	other_calls();
	depends_on_rights();
	inotify();
	older_calls();
}

static void renames(void)
{
	begin("renameat2");
	arg_json("olddfd", "'AT_FDCWD'");
	arg_json("newdfd", "'AT_FDCWD'");
	arg_json("flags", "'RENAME_NOREPLACE'");
	CALL(renameat2, AT_FDCWD, in_path("oldname", "missing-old"), AT_FDCWD, in_path("newname", "missing-new"),
	     RENAME_NOREPLACE);
	fails(ENOENT);

	begin("renameat2_flags_refused");
	CALL(renameat2, AT_FDCWD, in_path("oldname", "refused-old"), AT_FDCWD, in_path("newname", "refused-new"), 0x80);
	fails(EINVAL);

	begin("linkat");
	CALL(linkat, AT_FDCWD, in_path("oldname", "missing-old"), AT_FDCWD, in_path("newname", "missing-new"), 0);
	fails(ENOENT);

	begin("symlinkat");
	CALL(symlinkat, in_path("oldname", "a target that need not be"), AT_FDCWD, in_path("newname", LINK_FILE));
	fails(EEXIST);
#ifdef SYS_rename
	begin("rename");
	CALL(rename, in_path("oldname", "missing-old"), in_path("newname", "missing-new"));
	fails(ENOENT);

	begin("link");
	CALL(link, in_path("oldname", "missing-old"), in_path("newname", "missing-new"));
	fails(ENOENT);

	begin("symlink");
	CALL(symlink, in_path("oldname", "a target that need not be"), in_path("newname", LINK_FILE));
	fails(EEXIST);
#endif
}

/* The source is no device, the type is none: fails for root and for nobody. */
static void mounts(void)
{
	begin("mount");
	arg_json("flags", "'MS_RDONLY|MS_NOSUID'");
	CALL(mount, in_path("dev_name", "corpus-source"), in_path("dir_name", "missing-mount"),
	     in_path("type", "corpusfs"), MS_RDONLY | MS_NOSUID, in_path("data", "option,corpus=1"));

	begin("pivot_root");
	CALL(pivot_root, in_path("new_root", "missing-new"), in_path("put_old", "missing-old"));
}

static void keys(void)
{
	const char *payload = "corpus payload";

	begin("add_key");
	arg_size("plen", strlen(payload));
	CALL(add_key, in_path("_type", "corpus-no-type"), in_path("_description", "corpus:key"),
	     in_bytes("_payload", payload, strlen(payload)), strlen(payload), -1);
}

void cases_two_paths(void)
{
	renames();
	mounts();
	keys();
}
