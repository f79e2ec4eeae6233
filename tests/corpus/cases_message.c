/* SPDX-License-Identifier: Apache-2.0 */
/* struct msghdr: header, name, vector, buffers and control each on its own page; one and several. */
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

enum { BUFFERS = 2 };

static const char *const texts[BUFFERS] = {"head of the message ", "and its tail"};

/* Control data that carries two descriptors: struct cmsghdr, and what follows it. */
struct rights {
	size_t len;
	int level, type;
	int fds[2];
};

static struct rights rights_of(int first, int second)
{
	return (struct rights){CMSG_LEN(sizeof(int[2])), SOL_SOCKET, SCM_RIGHTS, {first, second}};
}

static char *rights_json(const struct rights *rights)
{
	return json("{'cmsg_len': %zu, 'cmsg_level': 'SOL_SOCKET', 'cmsg_type': 'SCM_RIGHTS', 'cmsg_data': [%d, %d]}",
		    rights->len, rights->fds[0], rights->fds[1]);
}

/* The header as it goes in; name and control may be missing. */
static struct msghdr in_message(const struct address *name, const char *const buffers[], const struct rights *rights)
{
	struct msghdr message = {.msg_iovlen = BUFFERS};

	message.msg_iov = place_vector("msg_iov", buffers, BUFFERS);
	if (name) {
		message.msg_name = place("msg_name", &name->bytes, name->len);
		message.msg_namelen = name->len;
	}
	if (rights) {
		message.msg_control = place("msg_control", rights, sizeof(*rights));
		message.msg_controllen = sizeof(*rights);
	}
	return message;
}

static char *message_json(const struct msghdr *message, const struct address *name, const struct rights *rights)
{
	const char *control = rights ? json("[%s]", rights_json(rights)) : "null";

	return json("{'msg_name': %s, 'msg_namelen': %u, 'msg_iov': %s, 'msg_iovlen': %zu, 'msg_control': %s, "
		    "'msg_controllen': %zu}", name ? name->json : "null", message->msg_namelen,
		    vector_json(message->msg_iov, message->msg_iovlen), message->msg_iovlen, control,
		    message->msg_controllen);
}

static void send_one(const char *name, int fd, const struct address *address, const struct rights *rights)
{
	struct msghdr message;

	begin(name);
	message = in_message(address, texts, rights);
	arg_int("fd", fd);
	CALL(sendmsg, fd, in_raw("msg", &message, sizeof(message), message_json(&message, address, rights)),
	     MSG_NOSIGNAL);
}

static void send_bad_fd(void)
{
	struct address addresses[] = {inet_address(53), inet6_address(53), unix_address("missing.sock"),
				      abstract_address("faultin-corpus-nobody"), netlink_address(1)};
	struct rights rights = rights_of(0, 1);

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		send_one(json("sendmsg_bad_fd_%s", addresses[i].kind), -1, &addresses[i], &rights);
		fails(EBADF);
	}
	send_one("sendmsg_bad_fd_no_name", BAD_FD, NULL, NULL);
	fails(EBADF);
}

static void send_real(void)
{
	struct address name = unix_address("message.sock");
	int server = bound_socket(AF_UNIX, SOCK_DGRAM, name);
	int client = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), pair[2];
	struct rights rights = rights_of(client, server);

	send_one("sendmsg_name_and_rights", client, &name, &rights);
	works();
	make_pair(SOCK_STREAM, pair);
	send_one("sendmsg_stream", pair[0], NULL, NULL);
	works();
	close_both(pair);
	close(client);
	close(server);
	unlink("message.sock");
}

static void send_three(const char *case_name, int fd, const struct address *name)
{
	static const char *const buffers[3][BUFFERS] = {{"one ", "uno"}, {"two ", "due"}, {"three ", "tre"}};
	struct mmsghdr messages[3] = {0};
	char *list = "";

	begin(case_name);
	for (int i = 0; i < 3; i++) {
		messages[i].msg_hdr = in_message(name, buffers[i], NULL);
		list = json("%s%s{'msg_hdr': %s}", list, i ? ", " : "", message_json(&messages[i].msg_hdr, name, NULL));
	}
	arg_int("vlen", 3);
	CALL(sendmmsg, fd, in_raw("mmsg", messages, sizeof(messages), json("[%s]", list)), 3, MSG_NOSIGNAL);
}

static void send_several(void)
{
	struct address name = unix_address("several.sock");
	int server = bound_socket(AF_UNIX, SOCK_DGRAM, name);
	int client = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	send_three("sendmmsg_bad_fd", -1, &name);
	fails(EBADF);
	send_three("sendmmsg", client, &name);
	works();
	after("mmsg", "[{'msg_len': 7}, {'msg_len': 7}, {'msg_len': 9}]");
	close(client);
	close(server);
	unlink("several.sock");
}

void cases_message_in(void)
{
	send_bad_fd();
	send_real();
	send_several();
}

/* Buffers whose lengths add up to those of the texts, so that a whole message fills them. */
static struct msghdr message_room(size_t control)
{
	const size_t lengths[BUFFERS] = {strlen(texts[0]), strlen(texts[1])};
	struct msghdr message = {.msg_iovlen = BUFFERS};

	message.msg_iov = room_vector("msg_iov", lengths, BUFFERS);
	message.msg_name = room("msg_name", sizeof(struct sockaddr_un));
	message.msg_namelen = sizeof(struct sockaddr_un);
	if (control) {
		message.msg_control = room("msg_control", control);
		message.msg_controllen = control;
	}
	return message;
}

static void send_texts(int fd, const struct address *to, const struct rights *rights)
{
	struct iovec vector[BUFFERS] = {{(char *)texts[0], strlen(texts[0])}, {(char *)texts[1], strlen(texts[1])}};
	struct msghdr message = {.msg_name = (void *)&to->bytes, .msg_namelen = to->len, .msg_iov = vector,
				 .msg_iovlen = BUFFERS};

	if (rights) {
		message.msg_control = (void *)rights;
		message.msg_controllen = sizeof(*rights);
	}
	if (sendmsg(fd, &message, 0) < 0)
		die("cannot send to receive");
}

/* The header as the call left it, its name and control as they came. */
static char *received_json(const struct msghdr *message)
{
	struct address from = known_address(message->msg_name, message->msg_namelen);
	const struct rights *rights = message->msg_controllen ? message->msg_control : NULL;

	return message_json(message, &from, rights);
}

static void close_received(const struct msghdr *message)
{
	const struct rights *rights = message->msg_control;

	if (message->msg_controllen)
		close_both(rights->fds);
}

static void receive_one(const char *name, int server, size_t control)
{
	struct msghdr message, *placed;

	begin(name);
	message = message_room(control);
	placed = place("msg", &message, sizeof(message));
	CALL(recvmsg, server, placed, 0);
	works();
	capture("msg", "read");
	after_raw("msg", received_json(placed));
	close_received(placed);
}

static void receive_three(int server)
{
	struct mmsghdr messages[3] = {0}, *placed;
	struct timespec *timeout, second = {1, 0};
	char *list = "";

	begin("recvmmsg");
	for (int i = 0; i < 3; i++)
		messages[i].msg_hdr = message_room(0);
	placed = place("mmsg", messages, sizeof(messages));
	timeout = in_json("timeout", &second, sizeof(second), "{'tv_sec': 1, 'tv_nsec': 0}");
	CALL(recvmmsg, server, placed, 3, 0, timeout);
	works();
	capture("mmsg", "read");
	for (int i = 0; i < 3; i++)
		list = json("%s%s{'msg_hdr': %s, 'msg_len': %u}", list, i ? ", " : "",
			    received_json(&placed[i].msg_hdr), placed[i].msg_len);
	after("mmsg", "[%s]", list);
}

static void receive_from(int server, const struct address *from)
{
	socklen_t size = sizeof(struct sockaddr_un);
	socklen_t *len;
	char *buffer;
	void *name;

	begin("recvfrom");
	buffer = room("ubuf", 64);
	name = room("addr", size);
	len = in_json("addr_len", &size, sizeof(size), "%u", size);
	CALL(recvfrom, server, buffer, 64, 0, name, len);
	works();
	got_bytes("ubuf", buffer, strlen(texts[0]) + strlen(texts[1]));
	got_raw("addr", from->json);
	after("addr_len", "%u", *len);
}

static void receive_nothing(int server)
{
	struct msghdr message;

	begin("recvfrom_would_block");
	CALL(recvfrom, server, room("ubuf", 64), 64, MSG_DONTWAIT, 0, 0);
	is_unset("ubuf");
	is_null("addr");
	is_null("addr_len");
	fails(EAGAIN);

	begin("recvmsg_bad_fd");
	message = message_room(0);
	CALL(recvmsg, -1, place("msg", &message, sizeof(message)), 0);
	capture("msg", "read|unset");
	fails(EBADF);
}

void cases_message_out(void)
{
	struct address to = unix_address("server.sock"), from = unix_address("client.sock");
	int server = bound_socket(AF_UNIX, SOCK_DGRAM, to), client = bound_socket(AF_UNIX, SOCK_DGRAM, from);
	struct rights rights = rights_of(server, client);

	send_texts(client, &to, NULL);
	receive_one("recvmsg", server, 0);
	send_texts(client, &to, &rights);
	receive_one("recvmsg_rights", server, sizeof(rights));
	for (int i = 0; i < 3; i++)
		send_texts(client, &to, NULL);
	receive_three(server);
	send_texts(client, &to, NULL);
	receive_from(server, &from);
	receive_nothing(server);
	close(client);
	close(server);
	unlink("server.sock");
	unlink("client.sock");
}
