/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses: the bytes for the kernel, and the JSON for the expectation. */
#ifndef CORPUS_ADDRESS_H
#define CORPUS_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>

struct address {
	const char *kind;
	struct sockaddr_storage bytes;
	socklen_t len;
	char *json;
};

struct address inet_address(int port);
struct address inet6_address(int port);
struct address unix_address(const char *path);
struct address abstract_address(const char *name);
struct address unnamed_address(void);
struct address netlink_address(unsigned groups);

/* From what the kernel wrote. */
struct address known_address(const void *bytes, size_t len);

/* The address that the socket has. */
struct address own_address(int fd);

/* A bound socket; negative where this system has no such family. */
int bound_socket(int family, int type, struct address address);

#endif
