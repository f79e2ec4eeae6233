/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A supervisor as seccomp_unotify(2) warns of: it looks at what a call is given, and then
 * says CONTINUE, whereupon the kernel reads it again. `unsafe CLASS CMD...`: the classes are
 * those of race.c, and what is forbidden is the same. It is here to show that the race bites.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int get(pid_t pid, void *to, size_t size, unsigned long addr)
{
	struct iovec here = { to, size }, there = { (void *)addr, size };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) > 0;
}

static int is_forbidden_address(pid_t pid, unsigned long addr)
{
	struct sockaddr_in at = { 0 };

	return get(pid, &at, sizeof(at), addr) && at.sin_addr.s_addr == htonl(0x7f000003);
}

static int check_path(pid_t pid, const __u64 *args)
{
	char path[4096] = "";

	return get(pid, path, sizeof(path), args[1]) && strstr(path, "/F-file");
}

static int check_symlink(pid_t pid, const __u64 *args)
{
	char path[4096] = "";
	struct stat st;

	return get(pid, path, sizeof(path), args[1]) && !lstat(path, &st) && S_ISLNK(st.st_mode);
}

static int check_sockaddr(pid_t pid, const __u64 *args)
{
	return is_forbidden_address(pid, args[1]);
}

static int check_open_how(pid_t pid, const __u64 *args)
{
	struct open_how how = { 0 };

	return get(pid, &how, sizeof(how), args[2]) && how.flags & O_ACCMODE;
}

static int check_iovec(pid_t pid, const __u64 *args)
{
	struct iovec vector = { 0 };

	return get(pid, &vector, sizeof(vector), args[1]) && vector.iov_len > 4;
}

static int check_msghdr(pid_t pid, const __u64 *args)
{
	struct msghdr message = { 0 };

	return get(pid, &message, sizeof(message), args[1]) &&
	       is_forbidden_address(pid, (unsigned long)message.msg_name);
}

static int check_argv(pid_t pid, const __u64 *args)
{
	unsigned long words[3] = { 0 };
	char text[10] = "";

	return get(pid, words, sizeof(words), args[1]) && words[2] && get(pid, text, sizeof(text), words[2]) &&
	       !strncmp(text, "forbidden", 9);
}

static const struct class {
	const char *name;
	int nr;
	int (*check)(pid_t pid, const __u64 *args);
} classes[] = {
	{ "path", SYS_openat, check_path },	{ "sockaddr", SYS_connect, check_sockaddr },
	{ "open_how", SYS_openat2, check_open_how }, { "iovec", SYS_writev, check_iovec },
	{ "msghdr", SYS_sendmsg, check_msghdr }, { "argv", SYS_execve, check_argv },
	{ "symlink", SYS_openat, check_symlink },
};

static int listen_for(int nr)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void supervise(int listener, const struct class *class)
{
	struct pollfd look = { .fd = listener, .events = POLLIN };
	struct seccomp_notif call;
	struct seccomp_notif_resp answer;

	while (poll(&look, 1, -1) > 0 && !(look.revents & POLLHUP)) {
		memset(&call, 0, sizeof(call));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
			continue;
		answer = (struct seccomp_notif_resp){ .id = call.id };
		if (class->check(call.pid, call.data.args))
			answer.error = -EACCES;
		else
			answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

int main(int argc, char **argv)
{
	volatile int *told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const struct class *class = NULL;
	int status, listener, i;
	pid_t child;

	for (i = 0; i < (int)(sizeof(classes) / sizeof(classes[0])); i++)
		if (argc > 2 && !strcmp(classes[i].name, argv[1]))
			class = &classes[i];
	if (!class)
		return 2;
	*told = -1;
	child = fork();
	if (!child) {
		*told = listen_for(class->nr);
		while (*told >= 0)
			; /* until it was taken */
		execv(argv[2], argv + 2);
		_exit(127);
	}
	while (*told < 0)
		usleep(1000);
	listener = syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, child, 0), *told, 0);
	*told = -1;
	if (listener < 0)
		return 3;
	supervise(listener, class);
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}
