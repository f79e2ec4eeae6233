/* SPDX-License-Identifier: Apache-2.0 */
/*
 * corpus --mode cold|warm [--repeat N] [--only CLASS] [--dir DIR] EXPECTED.jsonl
 *
 * Makes system calls whose pointer arguments lie on pages that are absent (cold) or present (warm) in
 * /proc/self/pagemap just before the call, and writes what a tracer should have seen, one JSON object a
 * case. expect.h says how a case is found in the trace; compare.py compares. Build: gcc -pthread *.c
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

struct group {
	const char *class;
	void (*run)(void);
};

static const struct group groups[] = {
	{"path", cases_path},
	{"two-paths", cases_two_paths},
	{"where", cases_where},
	{"buffer-in", cases_buffer_in},
	{"buffer-out", cases_buffer_out},
	{"vector", cases_vector},
	{"sockaddr", cases_sockaddr},
	{"message-in", cases_message_in},
	{"message-out", cases_message_out},
	{"socket", cases_socket},
	{"stat", cases_stat},
	{"name-out", cases_name_out},
	{"xattr", cases_xattr},
	{"poll", cases_poll},
	{"epoll", cases_epoll},
	{"time", cases_time},
	{"timer", cases_timer},
	{"signal", cases_signal},
	{"limits", cases_limits},
	{"wait", cases_wait},
	{"identity", cases_identity},
	{"sched", cases_sched},
	{"sized", cases_sized},
	{"fcntl", cases_fcntl},
	{"ioctl", cases_ioctl},
	{"futex", cases_futex},
	{"pair", cases_pair},
	{"exec-fails", cases_exec_fails},
	{"exec", cases_exec},
	{"bad-pointer", cases_bad_pointer},
	{"null", cases_null},
	{"thread", cases_thread},
};
enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

struct options {
	enum mode mode;
	int repeat;
	const char *only, *parent, *expected;
};

char work_dir[PATH_MAX];

static void *in_a_thread(void *nothing)
{
	begin("openat_in_thread");
	CALL(openat, AT_FDCWD, in_path("filename", "missing-in-thread"), O_RDONLY);
	begin("write_bad_fd_in_thread");
	CALL(write, -1, in_bytes("buf", "from a thread", 13), 13);
	return nothing;
}

void cases_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, in_a_thread, NULL))
		die("cannot start a thread");
	pthread_join(thread, NULL);
}

/* The last call of all. Written down before it is made: nobody is left to do it afterwards. */
void cases_exit(const char *expected_path)
{
	int number;

	set_class("exit");
	begin("exit_group");
	arg_int("error_code", 0);
	number = expect_number("exit_group");
	expect_write(expected_path);
	mark(number);
	syscall(SYS_exit_group, 0);
}

static _Noreturn void usage(void)
{
	fprintf(stderr, "usage: corpus --mode cold|warm [--repeat N] [--only CLASS] [--dir DIR] EXPECTED.jsonl\nclasses:");
	for (int i = 0; i < GROUPS; i++)
		fprintf(stderr, " %s", groups[i].class);
	fprintf(stderr, " exit\n");
	exit(2);
}

static enum mode mode_named(const char *name)
{
	if (strcmp(name, "cold") && strcmp(name, "warm"))
		usage();
	return strcmp(name, "cold") ? WARM : COLD;
}

static void check_class(const char *name)
{
	for (int i = 0; i < GROUPS; i++)
		if (!strcmp(groups[i].class, name))
			return;
	if (strcmp(name, "exit"))
		usage();
}

static struct options parse(int argc, char **argv)
{
	static const struct option known[] = {
		{"mode", 1, NULL, 'm'}, {"repeat", 1, NULL, 'r'}, {"only", 1, NULL, 'o'}, {"dir", 1, NULL, 'd'}, {0},
	};
	struct options options = {COLD, 1, NULL, getenv("TMPDIR"), NULL};

	for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		if (option == 'm')
			options.mode = mode_named(optarg);
		else if (option == 'r')
			options.repeat = atoi(optarg);
		else if (option == 'o')
			check_class(options.only = optarg);
		else if (option == 'd')
			options.parent = optarg;
		else
			usage();
	}
	if (argc - optind != 1 || options.repeat < 1)
		usage();
	if (!options.parent)
		options.parent = "/tmp";
	options.expected = argv[optind];
	return options;
}

static void write_file(const char *path, const char *text, size_t len, mode_t permissions)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, permissions);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		die("cannot write %s in %s", path, work_dir);
	close(fd);
}

static void link_program(void)
{
	char program[PATH_MAX] = {0};

	if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0 || symlink(program, PROGRAM))
		die("cannot find this program");
	const char *script = json("#!%s --exec-child\n", program);
	write_file(SCRIPT, script, strlen(script), 0700);
}

static void make_work_dir(const char *parent)
{
	snprintf(work_dir, sizeof(work_dir), "%s/corpus.XXXXXX", parent);
	if (!mkdtemp(work_dir) || chdir(work_dir))
		die("cannot make a directory in %s (give another with --dir)", parent);
	write_file(DATA_FILE, pattern('a', DATA_FILE_SIZE), DATA_FILE_SIZE, 0644);
	write_file("broken", "not a program\n", 14, 0700);
	link_program();
	if (symlink(DATA_FILE, LINK_FILE) || mkdir(LIST_DIR, 0700))
		die("cannot fill %s", work_dir);
	for (int i = 0; i < 3; i++)
		write_file((const char *[]){LIST_DIR "/one", LIST_DIR "/two", LIST_DIR "/three"}[i], "", 0, 0600);
}

static void remove_work_dir(void)
{
	static const char *const files[] = {LIST_DIR "/one", LIST_DIR "/two", LIST_DIR "/three", DATA_FILE, LINK_FILE,
					    PROGRAM, SCRIPT, "broken", "paged"};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(files[i]);
	rmdir(LIST_DIR);
	if (chdir("/") || rmdir(work_dir))
		die("cannot remove %s", work_dir);
}

static void run(const char *only)
{
	for (int i = 0; i < GROUPS; i++) {
		if (only && strcmp(only, groups[i].class))
			continue;
		set_class(groups[i].class);
		groups[i].run();
	}
}

int main(int argc, char **argv)
{
	struct options options;
	char *expected;

	/* What the exec cases start. The script's interpreter gets the option as its first argument too. */
	if (argc > 1 && !strcmp(argv[1], "--exec-child"))
		return 0;
	options = parse(argc, argv);
	cold_start(options.mode);
	expected = options.expected[0] == '/' ? json("%s", options.expected)
					      : json("%s/%s", getcwd(NULL, 0), options.expected);
	make_work_dir(options.parent);
	for (int i = 0; i < options.repeat; i++)
		run(options.only);
	remove_work_dir();
	cases_exit(expected);
}
