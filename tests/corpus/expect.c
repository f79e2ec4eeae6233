/* SPDX-License-Identifier: Apache-2.0 */
/* See expect.h. One current case, turned into a line of text when the next one begins. */
#define _GNU_SOURCE
#include "expect.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

struct expected {
	const char *name, *class, *syscall;
	struct object args, out, capture;
	char *cold;
	bool compare_return, failed;
	long result;
	const char *error;
	int number, tid;
};

static struct expected now;
static const char *class_name = "none";
static int last_number;
static FILE *lines;
static char *lines_text;
static size_t lines_len;

static const char *or_null(const char *text)
{
	return text ? json("'%s'", text) : "null";
}

/* The case's line; cases without a call (skipped) leave none. */
static void finish(void)
{
	if (!lines)
		lines = open_memstream(&lines_text, &lines_len);
	if (!now.syscall)
		return;
	fprintf(lines, "{\"case\": \"%s\", \"class\": \"%s\", \"mode\": \"%s\", \"marker\": %d, \"syscall\": \"%s\", ",
		now.name, now.class, mode == COLD ? "cold" : "warm", now.number, now.syscall);
	fprintf(lines, "\"args\": %s, ", object_text(&now.args));
	fprintf(lines, "\"out\": %s, ", object_text(&now.out));
	fprintf(lines, "\"ret\": %s, ", now.compare_return ? json("%ld", now.result) : "null");
	fprintf(lines, "\"errno\": %s, ", or_null(now.error));
	fprintf(lines, "\"capture\": %s, ", object_text(&now.capture));
	fprintf(lines, "\"cold\": %s, \"tid\": %d}\n", now.cold, now.tid);
}

void set_class(const char *name)
{
	class_name = name;
}

void begin(const char *name)
{
	finish();
	cold_forget();
	now = (struct expected){.name = name, .class = class_name, .number = ++last_number, .compare_return = true};
}

void skip(void)
{
	now.syscall = NULL;
}

void expect_write(const char *path)
{
	FILE *file;

	finish();
	now.syscall = NULL;
	fflush(lines);
	file = fopen(path, "we");
	if (!file || fwrite(lines_text, 1, lines_len, file) != lines_len || fclose(file))
		die("cannot write %s", path);
}

void die(const char *format, ...)
{
	int error = errno;
	va_list list;

	fprintf(stderr, "corpus: %s: ", now.name ? now.name : "start");
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fprintf(stderr, error ? ": %s\n" : "\n", strerror(error));
	_exit(3);
}

void arg_int(const char *name, long value)
{
	object_add(&now.args, name, json("%ld", value));
}

void arg_size(const char *name, unsigned long value)
{
	object_add(&now.args, name, json("%lu", value));
}

void arg_raw(const char *name, const char *text)
{
	object_add(&now.args, name, text);
}

void capture(const char *name, const char *word)
{
	object_add(&now.capture, name, json("'%s'", word));
}

static void without_data(const char *name, const char *word)
{
	arg_raw(name, "null");
	capture(name, word);
}

void is_null(const char *name)
{
	without_data(name, "null");
}

void is_fault(const char *name)
{
	without_data(name, "fault");
}

void is_unset(const char *name)
{
	without_data(name, "unset");
}

void expect_bytes(const char *name, const void *data, size_t len)
{
	if (len <= CAPTURED_BYTES) {
		arg_raw(name, json_bytes(data, len));
		capture(name, "read");
	} else {
		arg_json(name, "{'value': %s, 'length': %zu}", json_bytes(data, CAPTURED_BYTES), len);
		capture(name, "truncated");
	}
}

void expect_path(const char *name, const char *path)
{
	arg_raw(name, json_string(path));
	capture(name, "read");
}

void *in_bytes(const char *name, const void *data, size_t len)
{
	expect_bytes(name, data, len);
	return place(name, data, len);
}

char *in_path(const char *name, const char *path)
{
	expect_path(name, path);
	return place(name, path, strlen(path) + 1);
}

void *in_raw(const char *name, const void *data, size_t len, const char *text)
{
	arg_raw(name, text);
	capture(name, "read");
	return place(name, data, len);
}

void got_raw(const char *name, const char *text)
{
	arg_raw(name, text);
	capture(name, "read");
}

void got_bytes(const char *name, const void *data, size_t len)
{
	got_raw(name, json_bytes(data, len));
}

void after_raw(const char *name, const char *text)
{
	object_add(&now.out, name, text);
}

void mark(int number)
{
	syscall(SYS_getpriority, MARKER, number);
}

static void note_result(long result, int error)
{
	now.failed = result == -1 && error;
	now.result = now.failed ? -error : result;
	now.error = now.failed ? strerrorname_np(error) : NULL;
}

long perform(const char *name, long nr, const long args[6])
{
	long result;

	now.syscall = name;
	now.tid = (int)syscall(SYS_gettid);
	cold_arm();
	mark(now.number);
	errno = 0;
	result = syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	note_result(result, errno);
	free(now.cold);
	now.cold = cold_report();
	return result;
}

void works(void)
{
	errno = 0;
	if (now.failed)
		die("%s failed with %s, and should work here", now.syscall, now.error);
}

void fails(int error)
{
	errno = 0;
	if (!now.failed || now.result != -error)
		die("%s returned %ld, and should fail with %s", now.syscall, now.result, strerrorname_np(error));
}

void fails_with_any(const char *names)
{
	errno = 0;
	if (!now.failed)
		die("%s returned %ld, and should fail with %s", now.syscall, now.result, names);
	now.error = names;
	now.compare_return = false;
}

/* The pages are the child's own after fork, so it is the child that arms and checks them. */
static _Noreturn void call_in_child(enum child how, const char *name, long nr, const long args[6])
{
	if (how == FORK)
		cold_in_child();
	perform(name, nr, args);
	die("%s returned %ld in the child", name, now.result);
}

static void wait_for(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || status)
		die("the child of %s ended with status 0x%x", now.syscall, status);
}

/* The child ends with status 0 only through the program that it became, after cold_arm() held. */
void perform_in_child(enum child how, const char *name, long nr, const long args[6])
{
	pid_t child;

	now.syscall = name;
	cold_arm();
	now.cold = cold_report();
	child = how == FORK ? fork() : vfork();
	if (child == 0)
		call_in_child(how, name, nr, args);
	if (child < 0)
		die("cannot start a child");
	now.tid = child;
	note_result(0, 0);
	errno = 0;
	wait_for(child);
}

int expect_number(const char *syscall_name)
{
	now.syscall = syscall_name;
	now.tid = (int)syscall(SYS_gettid);
	now.cold = "{}";
	now.compare_return = false;
	return now.number;
}
