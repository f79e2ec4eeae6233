/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays of buffers: the array and every buffer each on its own page. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cases.h"
#include "expect.h"

static const char *const three[] = {"first buffer", "second, somewhat longer", "third"};
static const char *const eight[] = {"0", "11", "222", "3333", "44444", "555555", "6666666", "77777777"};

/* Reads the buffers only for the text: they are armed again before the call. */
static struct iovec *in_vector(const char *const buffers[], size_t count)
{
	struct iovec *vector = place_vector("vec", buffers, count);

	arg_json("vec", "%s", vector_json(vector, count));
	capture("vec", "read");
	arg_size("vlen", count);
	return vector;
}

static void writev_to(const char *name, int fd, const char *const buffers[], size_t count)
{
	begin(name);
	arg_int("fd", fd);
	CALL(writev, fd, in_vector(buffers, count), count);
}

static void writevs(int null)
{
	const char *const large[] = {pattern('l', 4096), pattern('m', 1000)};
	int ends[2];

	writev_to("writev_devnull", null, three, 3);
	works();
	writev_to("writev_devnull_8", null, eight, 8);
	works();
	writev_to("writev_devnull_large", null, large, 2);
	works();
	writev_to("writev_bad_fd", -1, three, 3);
	fails(EBADF);
	writev_to("writev_bad_fd_999", BAD_FD, three, 3);
	fails(EBADF);
	writev_to("writev_bad_fd_8", -1, eight, 8);
	fails(EBADF);
	make_pipe(ends);
	writev_to("writev_pipe", ends[1], three, 3);
	works();
	close_both(ends);
}

/* The array is there, the buffers are not: and the other way round. */
static void half_cold(int null)
{
	struct iovec vector[2] = {{"warm buffer", 11}, {"another", 7}};
	struct iovec *placed;

	begin("writev_cold_array_warm_buffers");
	placed = place("vec", vector, sizeof(vector));
	arg_json("vec", "%s", vector_json(vector, 2));
	capture("vec", "read");
	CALL(writev, null, placed, 2);
	works();

	begin("writev_warm_array_cold_buffers");
	vector[0].iov_base = place("vec[0].iov_base", "cold buffer", 11);
	arg_json("vec", "%s", vector_json(vector, 2));
	capture("vec", "read");
	CALL(writev, null, vector, 2);
	works();
}

/* An array that itself lies across two pages, the second absent. */
static void split_array(int null)
{
	struct iovec vector[4] = {{"one", 3}, {"two", 3}, {"three", 5}, {"four", 4}};

	begin("writev_array_second_page_absent");
	arg_json("vec", "%s", vector_json(vector, 4));
	capture("vec", "read");
	CALL(writev, null, place_split("vec", vector, sizeof(vector)), 4);
	works();
}

static void truncated(int null)
{
	const char *data = pattern('t', 5000);
	struct iovec vector[1] = {{NULL, 5000}};

	begin("writev_truncated");
	vector[0].iov_base = place("vec[0].iov_base", data, 5000);
	arg_json("vec", "[{'iov_base': {'value': %s, 'length': 5000}, 'iov_len': 5000}]", json_bytes(data, 4096));
	capture("vec", "read|truncated");
	CALL(writev, null, place("vec", vector, sizeof(vector)), 1);
	works();
}

static void pwritevs(int null)
{
	begin("pwritev");
	CALL(pwritev, null, in_vector(three, 3), 3, 0, 0);
	works();

	begin("pwritev_bad_fd");
	CALL(pwritev, -1, in_vector(three, 3), 3, 0, 0);
	fails(EBADF);

	begin("pwritev2");
	CALL(pwritev2, null, in_vector(three, 3), 3, 0, 0, 0);
	works();
}

static void vmsplices(void)
{
	struct iovec *vector;
	int ends[2];

	make_pipe(ends);
	begin("vmsplice");
	vector = place_vector("uiov", three, 3);
	arg_json("uiov", "%s", vector_json(vector, 3));
	capture("uiov", "read");
	CALL(vmsplice, ends[1], vector, 3, 0);
	works();
	close_both(ends);
}

/* `got` bytes arrived: the buffers hold that much and no more. */
static void got_vector(const struct iovec *vector, size_t count, size_t got)
{
	struct iovec filled[count];
	char *list = "";

	for (size_t i = 0; i < count; i++) {
		filled[i] = vector[i];
		if (filled[i].iov_len > got)
			filled[i].iov_len = got;
		got -= filled[i].iov_len;
		list = json("%s%s{'iov_base': %s, 'iov_len': %zu}", list, i ? ", " : "",
			    json_bytes(filled[i].iov_base, filled[i].iov_len), vector[i].iov_len);
	}
	got_json("vec", "[%s]", list);
}

static void readvs(void)
{
	static const size_t lengths[] = {16, 100, 7};
	struct iovec *vector;
	int fd = data_file(O_RDONLY);

	begin("readv");
	vector = room_vector("vec", lengths, 3);
	CALL(readv, fd, vector, 3);
	works();
	got_vector(vector, 3, 123);

	begin("preadv");
	vector = room_vector("vec", lengths, 3);
	CALL(preadv, fd, vector, 3, 50, 0);
	works();
	got_vector(vector, 3, 123);

	begin("readv_short");
	lseek(fd, -20, SEEK_END);
	vector = room_vector("vec", lengths, 2);
	CALL(readv, fd, vector, 2);
	works();
	got_vector(vector, 2, 20);
	close(fd);
}

static void readv_fails(void)
{
	static const size_t lengths[] = {16, 16};

	begin("readv_bad_fd");
	CALL(readv, -1, room_vector("vec", lengths, 2), 2);
	is_unset("vec");
	fails(EBADF);
}

void cases_vector(void)
{
	int null = dev_null();

	writevs(null);
	half_cold(null);
	split_array(null);
	truncated(null);
	pwritevs(null);
	vmsplices();
	readvs();
	readv_fails();
	close(null);
}
