/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes calls while threads on all CPUs flip what they are given: `race CLASS CALLS FOLDER`.
 * Prints how many calls were let through, how many refused (EACCES), and how many had the
 * effect that the policy forbids. FOLDER has the files A-file and F-file,
 * of which the policy forbids the second.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLIPPERS 2

static volatile int over;
static char *self, *folder;
static char allowed[4096], forbidden[4096];

/* What is flipped. Paths have the same length, so that one store changes all of it. */
static char *path;
static volatile char *path_bytes[FLIPPERS]; /* one byte, at two addresses */
static __thread int flipper;
static struct sockaddr_in address;
static struct open_how how;
static struct iovec vector;
static char one[1] = { 'a' }, nine[9] = "ffffffff\n";
static struct sockaddr_in to_allowed, to_forbidden;
static struct msghdr message = { .msg_namelen = sizeof(struct sockaddr_in) };
static char *arguments[4];

static int made, refused, effects;

static void flip_path(int on) { *path_bytes[flipper] = on ? 'F' : 'A'; }
static void flip_how(int on) { *(volatile __u64 *)&how.flags = on ? O_RDWR : O_RDONLY; }

static void flip_address(int on)
{
	*(volatile in_addr_t *)&address.sin_addr.s_addr = htonl(0x7f000000 | (on ? 3 : 2));
}

static void flip_name(int on)
{
	*(void *volatile *)&message.msg_name = on ? &to_forbidden : &to_allowed;
}

/* On disk, and not in memory: the file and a link to the forbidden one change places. */
static char swapped[4096], link_name[4096];

static void flip_link(int on)
{
	renameat2(AT_FDCWD, swapped, AT_FDCWD, link_name, RENAME_EXCHANGE);
}

static void flip_argument(int on)
{
	*(char *volatile *)&arguments[2] = on ? "forbidden" : "allowed";
}

static void flip_vector(int on)
{
	*(void *volatile *)&vector.iov_base = on ? nine : one;
	*(volatile size_t *)&vector.iov_len = on ? sizeof(nine) : sizeof(one);
}

static void count(long ret, int effect)
{
	made += ret >= 0;
	refused += ret < 0 && (errno == EACCES || errno == ELOOP);
	effects += ret >= 0 && effect;
}

static ino_t forbidden_inode;

static void open_one(const char *name)
{
	int fd = open(name, O_RDONLY);
	struct stat st = { 0 };

	if (fd >= 0)
		fstat(fd, &st);
	count(fd, st.st_ino == forbidden_inode);
	if (fd >= 0)
		close(fd);
}

static void call_path(void) { open_one(path); }
static void call_link(void) { open_one(swapped); }

static void call_address(void)
{
	static int fd = -1;
	struct sockaddr_in peer = { 0 };
	socklen_t size = sizeof(peer);
	long ret;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ret = connect(fd, (struct sockaddr *)&address, sizeof(address));
	if (ret >= 0)
		getpeername(fd, (struct sockaddr *)&peer, &size);
	count(ret, peer.sin_addr.s_addr == to_forbidden.sin_addr.s_addr);
}

static void call_how(void)
{
	int fd = syscall(SYS_openat2, AT_FDCWD, allowed, &how, sizeof(how));

	count(fd, fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY);
	if (fd >= 0)
		close(fd);
}

static void call_vector(void)
{
	static int fd = -1;
	char name[4200];
	long ret;

	if (fd < 0) {
		snprintf(name, sizeof(name), "%s/written", folder);
		fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	}
	ret = writev(fd, &vector, 1);
	count(ret, ret > 4);
}

/* 127.0.0.2 is allowed, 127.0.0.3 forbidden; the port is any that is free. */
static int receiver(struct sockaddr_in *at, int host)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*at);

	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000 | host) };
	if (bind(fd, (struct sockaddr *)at, size) || getsockname(fd, (struct sockaddr *)at, &size))
		exit(3);
	return fd;
}

static int at_allowed, at_forbidden;

static void call_message(void)
{
	static int fd = -1;
	int error, effect;
	char byte;
	long ret;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ret = sendmsg(fd, &message, 0);
	error = errno;
	while (recv(at_allowed, &byte, 1, 0) >= 0)
		;
	effect = recv(at_forbidden, &byte, 1, 0) >= 0;
	errno = error;
	count(ret, effect);
}

static void call_argument(void)
{
	pid_t child = vfork();
	int status = 0;

	if (!child) {
		execv(self, arguments);
		_exit(errno == EACCES ? 2 : 3);
	}
	waitpid(child, &status, 0);
	errno = EACCES;
	count(WEXITSTATUS(status) == 2 ? -1 : 0, WEXITSTATUS(status) == 1);
}

static const struct class {
	const char *name;
	void (*flip)(int on);
	void (*call)(void);
} classes[] = {
	{ "path", flip_path, call_path },
	{ "sockaddr", flip_address, call_address },
	{ "open_how", flip_how, call_how },
	{ "iovec", flip_vector, call_vector },
	{ "msghdr", flip_name, call_message },
	{ "argv", flip_argument, call_argument },
	{ "symlink", flip_link, call_link },
};

static void *flip(void *context)
{
	const struct class *class = context;
	static int next;
	cpu_set_t one;
	int on = 0;

	flipper = __sync_fetch_and_add(&next, 1);
	CPU_ZERO(&one);
	CPU_SET(flipper % sysconf(_SC_NPROCESSORS_ONLN), &one);
	sched_setaffinity(0, sizeof(one), &one);
	while (!over)
		class->flip(on = !on);
	return NULL;
}

/* One flipper writes the page where the path is, the other the same page elsewhere. */
static void share_path(void)
{
	int fd = memfd_create("path", MFD_CLOEXEC), i;
	char *page;

	if (fd < 0 || ftruncate(fd, 4096))
		exit(3);
	for (i = 0; i < FLIPPERS; i++) {
		page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (page == MAP_FAILED)
			exit(3);
		path = i ? path : page;
		path_bytes[i] = page + strlen(folder) + 1;
	}
	close(fd);
	strcpy(path, allowed);
}

static void prepare(void)
{
	struct stat st = { 0 };

	snprintf(allowed, sizeof(allowed), "%s/A-file", folder);
	snprintf(forbidden, sizeof(forbidden), "%s/F-file", folder);
	share_path();
	snprintf(swapped, sizeof(swapped), "%s/S-file", folder);
	snprintf(link_name, sizeof(link_name), "%s/S-link", folder);
	unlink(swapped);
	unlink(link_name);
	if (link(allowed, swapped) || symlink(forbidden, link_name))
		exit(3);
	stat(forbidden, &st);
	forbidden_inode = st.st_ino;
	at_allowed = receiver(&to_allowed, 2);
	at_forbidden = receiver(&to_forbidden, 3);
	address = to_allowed;
	message.msg_name = &to_allowed;
	message.msg_iov = &(struct iovec){ one, 1 };
	message.msg_iovlen = 1;
	vector = (struct iovec){ one, 1 };
	arguments[0] = self;
	arguments[1] = "effect";
	arguments[2] = "allowed";
}

int main(int argc, char **argv)
{
	const struct class *class = NULL;
	pthread_t threads[FLIPPERS];
	int calls, i;

	self = argv[0];
	if (argc == 3 && !strcmp(argv[1], "effect"))
		return !strcmp(argv[2], "forbidden");
	if (argc != 4)
		return 2;
	for (i = 0; i < (int)(sizeof(classes) / sizeof(classes[0])); i++)
		if (!strcmp(classes[i].name, argv[1]))
			class = &classes[i];
	folder = argv[3];
	prepare();
	if (!class)
		return 2;
	for (i = 0; i < FLIPPERS; i++)
		pthread_create(&threads[i], NULL, flip, (void *)class);
	for (i = 0, calls = atoi(argv[2]); i < calls; i++)
		class->call();
	over = 1;
	for (i = 0; i < FLIPPERS; i++)
		pthread_join(threads[i], NULL);
	printf("%d %d %d\n", made, refused, effects);
	return 0;
}
