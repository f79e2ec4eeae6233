/* SPDX-License-Identifier: Apache-2.0 */
/* See address.h. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "address.h"
#include "expect.h"

static struct address address_of(const char *kind, const void *bytes, size_t len)
{
	struct address address = known_address(bytes, len);

	address.kind = kind;
	return address;
}

struct address inet_address(int port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address_of("inet", &in, sizeof(in));
}

struct address inet6_address(int port)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

	in6.sin6_addr = in6addr_loopback;
	return address_of("inet6", &in6, sizeof(in6));
}

struct address unix_address(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	memcpy(un.sun_path, path, strlen(path));
	return address_of("unix", &un, offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

struct address abstract_address(const char *name)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	memcpy(un.sun_path + 1, name, strlen(name));
	return address_of("abstract", &un, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

struct address unnamed_address(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	return address_of("unnamed", &un, offsetof(struct sockaddr_un, sun_path));
}

struct address netlink_address(unsigned groups)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK, .nl_groups = groups};

	return address_of("netlink", &nl, sizeof(nl));
}

static char *inet_json(const struct sockaddr_in *in)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
	return json("{'family': 'AF_INET', 'ip': '%s', 'port': %d}", text, ntohs(in->sin_port));
}

static char *inet6_json(const struct sockaddr_in6 *in6)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
	return json("{'family': 'AF_INET6', 'ip': '%s', 'port': %d, 'flowinfo': %d, 'scope_id': %u}", text,
		    ntohs(in6->sin6_port), 0, in6->sin6_scope_id);
}

static char *unix_json(const struct sockaddr_un *un, size_t len)
{
	size_t rest = len - offsetof(struct sockaddr_un, sun_path);

	if (!rest)
		return json("{'family': 'AF_UNIX'}");
	if (!un->sun_path[0])
		return json("{'family': 'AF_UNIX', 'abstract': %s}", json_bytes(un->sun_path + 1, rest - 1));
	return json("{'family': 'AF_UNIX', 'path': %s}", json_bytes(un->sun_path, strnlen(un->sun_path, rest)));
}

static char *netlink_json(const struct sockaddr_nl *nl)
{
	return json("{'family': 'AF_NETLINK', 'pid': %u, 'groups': %u}", nl->nl_pid, nl->nl_groups);
}

struct address known_address(const void *bytes, size_t len)
{
	struct address address = {.kind = "known", .len = (socklen_t)len};

	memcpy(&address.bytes, bytes, len);
	switch (address.bytes.ss_family) {
	case AF_INET:
		address.json = inet_json(bytes);
		break;
	case AF_INET6:
		address.json = inet6_json(bytes);
		break;
	case AF_UNIX:
		address.json = unix_json(bytes, len);
		break;
	case AF_NETLINK:
		address.json = netlink_json(bytes);
		break;
	default:
		die("an address of family %d", address.bytes.ss_family);
	}
	return address;
}

struct address own_address(int fd)
{
	struct sockaddr_storage bytes;
	socklen_t len = sizeof(bytes);

	if (getsockname(fd, (struct sockaddr *)&bytes, &len))
		die("getsockname");
	return known_address(&bytes, len);
}

int bound_socket(int family, int type, struct address address)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || !bind(fd, (struct sockaddr *)&address.bytes, address.len))
		return fd;
	close(fd);
	return -1;
}
