/* SPDX-License-Identifier: Apache-2.0 */
/* What several groups of cases share: descriptors, patterns, vectors of buffers and of strings. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

char *pattern(char first, size_t len)
{
	char *text = malloc(len + 1);

	if (!text)
		die("out of memory");
	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + (first - 'a' + i) % 26);
	text[len] = '\0';
	return text;
}

static int must(int fd, const char *what)
{
	if (fd < 0)
		die("cannot make %s", what);
	return fd;
}

int dev_null(void)
{
	return must(open("/dev/null", O_RDWR | O_CLOEXEC), "a descriptor of /dev/null");
}

int data_file(int flags)
{
	return must(open(DATA_FILE, flags | O_CLOEXEC), "a descriptor of " DATA_FILE);
}

void make_pipe(int ends[2])
{
	must(pipe2(ends, O_CLOEXEC), "a pipe");
}

void make_pair(int type, int ends[2])
{
	must(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), "a socket pair");
}

void close_both(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static const char *element(const char *name, size_t i, const char *field)
{
	return json("%s[%zu]%s", name, i, field);
}

struct iovec *place_vector(const char *name, const char *const buffers[], size_t count)
{
	struct iovec vector[count];

	for (size_t i = 0; i < count; i++) {
		vector[i].iov_len = strlen(buffers[i]);
		vector[i].iov_base = place(element(name, i, ".iov_base"), buffers[i], vector[i].iov_len);
	}
	return place(name, vector, sizeof(vector));
}

struct iovec *room_vector(const char *name, const size_t lengths[], size_t count)
{
	struct iovec vector[count];

	for (size_t i = 0; i < count; i++) {
		vector[i].iov_len = lengths[i];
		vector[i].iov_base = room(element(name, i, ".iov_base"), lengths[i]);
	}
	return place(name, vector, sizeof(vector));
}

char *vector_json(const struct iovec *vector, size_t count)
{
	char *list = "";

	for (size_t i = 0; i < count; i++)
		list = json("%s%s{'iov_base': %s, 'iov_len': %zu}", list, i ? ", " : "",
			    json_bytes(vector[i].iov_base, vector[i].iov_len), vector[i].iov_len);
	return json("[%s]", list);
}

char *strings_json(const char *const strings[])
{
	char *list = "";

	for (size_t i = 0; strings[i]; i++)
		list = json("%s%s%s", list, i ? ", " : "", json_string(strings[i]));
	return json("[%s]", list);
}

char **in_strings(const char *name, const char *const strings[])
{
	char *array[512] = {NULL};
	size_t count = 0;

	for (; strings[count]; count++)
		array[count] = place(element(name, count, ""), strings[count], strlen(strings[count]) + 1);
	return in_raw(name, array, (count + 1) * sizeof(char *), strings_json(strings));
}
