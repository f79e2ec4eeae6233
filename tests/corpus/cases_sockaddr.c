/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses going in: every family, on bad descriptors and on real sockets. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "address.h"
#include "cases.h"
#include "expect.h"

enum { KINDS = 6 };

static void all_kinds(struct address kinds[KINDS])
{
	kinds[0] = inet_address(4242);
	kinds[1] = inet6_address(4243);
	kinds[2] = unix_address("missing.sock");
	kinds[3] = abstract_address("faultin-corpus-nobody");
	kinds[4] = unnamed_address();
	kinds[5] = netlink_address(3);
}

static void *in_address(const char *name, const struct address *address)
{
	return in_raw(name, &address->bytes, address->len, address->json);
}

static void send_text_to(const char *name, int fd, const struct address *address)
{
	begin(name);
	arg_int("fd", fd);
	arg_int("addr_len", address->len);
	CALL(sendto, fd, in_bytes("buff", "datagram", 8), 8, 0, in_address("addr", address), address->len);
}

static void connect_to(const char *name, int fd, const struct address *address)
{
	begin(name);
	arg_int("addrlen", address->len);
	CALL(connect, fd, in_address("uservaddr", address), address->len);
}

static void bind_to(const char *name, int fd, const struct address *address)
{
	begin(name);
	arg_int("addrlen", address->len);
	CALL(bind, fd, in_address("umyaddr", address), address->len);
}

static void on_bad_fds(void)
{
	struct address kinds[KINDS];

	all_kinds(kinds);
	for (int i = 0; i < KINDS; i++) {
		send_text_to(json("sendto_bad_fd_%s", kinds[i].kind), -1, &kinds[i]);
		fails(EBADF);
		connect_to(json("connect_bad_fd_%s", kinds[i].kind), BAD_FD, &kinds[i]);
		fails(EBADF);
		bind_to(json("bind_bad_fd_%s", kinds[i].kind), -1, &kinds[i]);
		fails(EBADF);
	}
}

/* A path that fills sun_path has no NUL behind it. */
static void full_path(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct address address;

	memcpy(un.sun_path, pattern('a', sizeof(un.sun_path)), sizeof(un.sun_path));
	address = known_address(&un, sizeof(un));
	connect_to("connect_bad_fd_unix_full", -1, &address);
	fails(EBADF);
}

static void second_page_absent(void)
{
	struct address address = unix_address("across-two-pages.sock");

	begin("connect_bad_fd_second_page_absent");
	arg_raw("uservaddr", address.json);
	capture("uservaddr", "read");
	CALL(connect, -1, place_split("uservaddr", &address.bytes, address.len), address.len);
	fails(EBADF);
}

/* Bound, then reached by sendto and connect from a second socket of the same kind. */
static void on_real_sockets(const char *kind, int family, int type, struct address wanted)
{
	int server = socket(family, type | SOCK_CLOEXEC, 0), client = socket(family, type | SOCK_CLOEXEC, 0);
	struct address bound;

	if (server < 0 || client < 0)
		return;
	bind_to(json("bind_%s", kind), server, &wanted);
	bound = own_address(server);
	send_text_to(json("sendto_%s", kind), client, &bound);
	connect_to(json("connect_%s", kind), client, &bound);
	close(server);
	close(client);
}

/* To the kernel's own address: four bytes are too few for a netlink message, and it drops them. */
static void on_netlink(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct address kernel = netlink_address(0);

	if (fd < 0)
		return;
	bind_to("bind_netlink", fd, &kernel);
	connect_to("connect_netlink", fd, &kernel);
	begin("sendto_netlink");
	CALL(sendto, fd, in_bytes("buff", "drop", 4), 4, 0, in_address("addr", &kernel), kernel.len);
	close(fd);
}

static void refused(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct address missing = unix_address("missing.sock"), nobody = abstract_address("faultin-corpus-nobody");

	connect_to("connect_unix_missing", fd, &missing);
	fails(ENOENT);
	connect_to("connect_abstract_refused", fd, &nobody);
	fails(ECONNREFUSED);
	close(fd);
}

void cases_sockaddr(void)
{
	on_bad_fds();
	full_path();
	second_page_absent();
	on_real_sockets("inet", AF_INET, SOCK_DGRAM, inet_address(0));
	on_real_sockets("inet6", AF_INET6, SOCK_DGRAM, inet6_address(0));
	on_real_sockets("unix", AF_UNIX, SOCK_DGRAM, unix_address("bound.sock"));
	on_real_sockets("abstract", AF_UNIX, SOCK_DGRAM, abstract_address(json("faultin-corpus-%d", getpid())));
	on_netlink();
	refused();
	unlink("bound.sock");
}
