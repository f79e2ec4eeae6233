/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets: addresses and options coming out, options going in. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "address.h"
#include "cases.h"
#include "expect.h"

/* The room's size as it goes in; what the call makes of it is expected afterwards. */
static socklen_t *in_length(const char *name, socklen_t size)
{
	return in_json(name, &size, sizeof(size), "%u", size);
}

static void got_address(const char *name, const void *at, const char *len_name, const socklen_t *len)
{
	got_raw(name, known_address(at, *len).json);
	after(len_name, "%u", *len);
}

static void own_and_peer(int fd, const char *suffix)
{
	socklen_t *len;
	void *at;

	begin(json("getsockname_%s", suffix));
	at = room("usockaddr", sizeof(struct sockaddr_storage));
	len = in_length("usockaddr_len", sizeof(struct sockaddr_storage));
	CALL(getsockname, fd, at, len);
	works();
	got_address("usockaddr", at, "usockaddr_len", len);

	begin(json("getpeername_%s", suffix));
	at = room("usockaddr", sizeof(struct sockaddr_storage));
	len = in_length("usockaddr_len", sizeof(struct sockaddr_storage));
	CALL(getpeername, fd, at, len);
	works();
	got_address("usockaddr", at, "usockaddr_len", len);
}

static int connected(int family, int server)
{
	struct address address = own_address(server);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address.bytes, address.len))
		die("cannot connect to oneself");
	return fd;
}

static void accept_one(const char *suffix, int family, struct address address)
{
	int server = bound_socket(family, SOCK_STREAM, address), client;
	socklen_t *len;
	void *at;
	long fd;

	if (server < 0)
		return;
	listen(server, 1);
	client = connected(family, server);
	begin(json("accept4_%s", suffix));
	at = room("upeer_sockaddr", sizeof(struct sockaddr_storage));
	len = in_length("upeer_addrlen", sizeof(struct sockaddr_storage));
	arg_json("flags", "'SOCK_CLOEXEC'");
	fd = CALL(accept4, server, at, len, SOCK_CLOEXEC);
	works();
	got_address("upeer_sockaddr", at, "upeer_addrlen", len);
	own_and_peer(client, suffix);
	close((int)fd);
	close(client);
	close(server);
}

static void accept_nobody(void)
{
	int server = bound_socket(AF_UNIX, SOCK_STREAM, unnamed_address());

	listen(server, 1);
	begin("accept4_would_block");
	CALL(accept4, server, room("upeer_sockaddr", 128), in_length("upeer_addrlen", 128), 0);
	is_unset("upeer_sockaddr");
	fails(EAGAIN);

	begin("accept4_no_address");
	CALL(accept4, -1, 0, 0, 0);
	is_null("upeer_sockaddr");
	is_null("upeer_addrlen");
	fails(EBADF);
	close(server);
}

/* An int by its number, or as its four bytes: both say what was there. */
static char *int_or_bytes(int value)
{
	return json("{'$any': [%d, [%d], %s]}", value, value, json_bytes(&value, sizeof(value)));
}

static void options_in(int fd)
{
	struct timeval tv = {2, 500};
	int size = 8192;

	begin("setsockopt");
	arg_json("level", "'SOL_SOCKET'");
	arg_json("optname", "'SO_SNDBUF'");
	CALL(setsockopt, fd, SOL_SOCKET, SO_SNDBUF, in_raw("optval", &size, sizeof(size), int_or_bytes(size)), sizeof(size));
	works();

	begin("setsockopt_bad_fd");
	arg_int("fd", BAD_FD);
	CALL(setsockopt, BAD_FD, SOL_SOCKET, SO_SNDBUF, in_raw("optval", &size, sizeof(size), int_or_bytes(size)),
	     sizeof(size));
	fails(EBADF);

	begin("setsockopt_timeval");
	CALL(setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO,
	     in_json("optval", &tv, sizeof(tv), "{'$any': [%s, {'tv_sec': 2, 'tv_usec': 500}]}", json_bytes(&tv, sizeof(tv))),
	     sizeof(tv));
	works();
}

static void options_out(int fd)
{
	socklen_t *len;
	int *value;

	begin("getsockopt");
	value = room("optval", sizeof(int));
	len = in_length("optlen", sizeof(int));
	CALL(getsockopt, fd, SOL_SOCKET, SO_TYPE, value, len);
	works();
	got_raw("optval", int_or_bytes(*value));
	after("optlen", "%u", *len);

	begin("getsockopt_refused");
	value = room("optval", sizeof(int));
	CALL(getsockopt, fd, SOL_SOCKET, 9999, value, in_length("optlen", sizeof(int)));
	is_unset("optval");
	fails(ENOPROTOOPT);
}

void cases_socket(void)
{
	int pair[2];

	accept_one("unix", AF_UNIX, unix_address("listening.sock"));
	accept_one("inet", AF_INET, inet_address(0));
	accept_one("inet6", AF_INET6, inet6_address(0));
	unlink("listening.sock");
	accept_nobody();
	make_pair(SOCK_STREAM, pair);
	own_and_peer(pair[0], "unnamed");
	options_in(pair[0]);
	options_out(pair[0]);
	close_both(pair);
}
