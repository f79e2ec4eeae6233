/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of inputs: `inputs NAME FOLDER`. */
#include "arena.h"

#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

static char *self, *folder;
static char path[4096];

static char *in_folder(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* 8 MiB fit into the arena, 20 MiB do not. */
static void big(void)
{
	size_t fits = 8 << 20, more = 20 << 20;
	char *bytes = malloc(more);
	int fd = open(in_folder("big"), O_RDWR | O_CREAT | O_TRUNC, 0600);

	memset(bytes, 'x', more);
	say("fits", write(fd, bytes, fits) == (ssize_t)fits ? "ok" : strerrorname_np(errno));
	say_failed("more", write(fd, bytes, more));
	say("after", write(fd, bytes, 1) == 1 ? "ok" : strerrorname_np(errno));
	unlink(path);
}

static void pages_absent(void)
{
	size_t size = 4 << 20;
	char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/dev/null", O_WRONLY);

	say("zeros", write(fd, bytes, size) == (ssize_t)size ? "ok" : strerrorname_np(errno));
	say_failed("nowhere", write(fd, (void *)0x1000, 10));
	say_failed("kernel", write(fd, (void *)0xffffffff80000000, 10));
	say("null", write(fd, NULL, 0) == 0 ? "ok" : strerrorname_np(errno));
}

/* A page that nobody ever fills. */
static void stalled(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	range.range.start = (uintptr_t)page;
	range.range.len = 4096;
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range)) {
		say("stalled", "none");
		return;
	}
	say_failed("stalled", open(page, O_RDONLY));
	say_open("allowed", "/dev/null");
}

static void wait_in_fifo(const char *name)
{
	char at[4096];

	snprintf(at, sizeof(at), "%s/%s", folder, name);
	mkfifo(at, 0600);
	open(at, O_WRONLY);
}

static void *block(void *nothing)
{
	wait_in_fifo("exec-fifo");
	return NULL;
}

static void *exec_self(void *nothing)
{
	usleep(100000);
	execl(self, self, "open", folder, NULL);
	return NULL;
}

/* The leader execs, while a thread waits in a guarded call. */
static void exec_by_leader(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, block, NULL);
	exec_self(NULL);
}

/* A thread that is not the leader execs, while another waits in a guarded call. */
static void exec_by_thread(void)
{
	pthread_t threads[2];

	pthread_create(&threads[0], NULL, block, NULL);
	pthread_create(&threads[1], NULL, exec_self, NULL);
	pthread_join(threads[0], NULL);
}

static char restarted[4096];

static void swap(int number)
{
	static int times;

	strcpy(restarted, "/tmp/forbidden");
	if (++times > 1)
		_exit(1);
}

/* It blocks in the open of a FIFO, a signal restarts it, and by then the path is another. */
static void restart(void)
{
	struct sigaction action = { .sa_handler = swap, .sa_flags = SA_RESTART };
	struct timespec soon = { .tv_nsec = 200000000 };
	struct itimerspec timer = { .it_value = soon };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_t id;

	sigaction(SIGUSR1, &action, NULL);
	timer_create(CLOCK_MONOTONIC, &event, &id);
	timer_settime(id, 0, &timer, NULL);
	snprintf(restarted, sizeof(restarted), "%s/restart-fifo", folder);
	mkfifo(restarted, 0600);
	say_failed("restart", open(restarted, O_WRONLY));
}

static void messages(void)
{
	char first[] = "first", second[] = "second", got[16] = "";
	struct iovec parts[2] = { { first, 5 }, { second, 6 } };
	struct mmsghdr all[2] = { { .msg_hdr = { .msg_iov = &parts[0], .msg_iovlen = 1 } },
				  { .msg_hdr = { .msg_iov = &parts[1], .msg_iovlen = 1 } } };
	int ends[2], sent = 0, ret;

	socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
	while (sent < 2) {
		ret = sendmmsg(ends[0], all + sent, 2 - sent, 0);
		if (ret <= 0)
			break;
		sent += ret;
	}
	say("sent", sent == 2 && all[0].msg_len == 5 && all[1].msg_len == 6 ? "ok" : strerrorname_np(errno));
	say("first", read(ends[1], got, sizeof(got)) == 5 && !memcmp(got, "first", 5) ? "ok" : "LOST");
	say("second", read(ends[1], got, sizeof(got)) == 6 && !memcmp(got, "second", 6) ? "ok" : "LOST");
	say("none", sendmmsg(ends[0], all, 0, 0) == 0 ? "ok" : strerrorname_np(errno));
	say_failed("zerocopy", send(ends[0], "x", 1, MSG_ZEROCOPY));
}

/* For a policy that resolves no symbolic links. */
static void links(void)
{
	char link[4096];
	int fd;

	snprintf(link, sizeof(link), "%s/link", folder);
	fd = open(in_folder("made"), O_RDWR | O_CREAT | O_EXCL | 0x40000000, 0640 | 0x10000);
	say("made", fd < 0 ? strerrorname_np(errno) : "ok");
	unlink(link);
	symlink(path, link);
	say_open("file", path);
	say_open("link", link);
	fd = syscall(SYS_creat, in_folder("made"), 0600);
	say("creat", fd < 0 ? strerrorname_np(errno) : "ok");
	unlink(link);
	unlink(path);
}

/* For a policy that does not leave a folder. */
static void beneath(void)
{
	int at = open(folder, O_RDONLY | O_DIRECTORY | O_PATH);
	const char *tries[][2] = { { "inside", "A-file" }, { "up", "../file" },
				   { "absolute", "/tmp/file" }, { "link", "link-file" } };
	size_t i;
	int fd;

	unlinkat(at, "link-file", 0);
	symlinkat("/etc/hostname", at, "link-file");
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		fd = openat(at, tries[i][1], O_RDONLY);
		say(tries[i][0], fd < 0 ? strerrorname_np(errno) : "ok");
	}
	unlinkat(at, "link-file", 0);
}

/* Registers and what they point at are as they were. */
static void unchanged(void)
{
	char *name = in_folder("A-file"), *after;
	struct iovec parts[2] = { { "ab", 2 }, { "cd", 2 } }, *vector = parts;
	int null = open("/dev/null", O_WRONLY);
	long ret;

	asm volatile("syscall" : "=a"(ret), "=D"(after) : "a"(SYS_open), "1"(name), "S"(0), "d"(0)
		     : "rcx", "r11", "memory");
	say("register", ret >= 0 && after == name ? "ok" : "CHANGED");
	asm volatile("syscall" : "=a"(ret), "+S"(vector) : "0"(SYS_writev), "D"(null), "d"(2)
		     : "rcx", "r11", "memory");
	say("vector", ret == 4 && vector == parts && !memcmp(parts[1].iov_base, "cd", 2) ? "ok" : "CHANGED");
}

static void ignore(int number)
{
}

/* Arrays that say where outputs go, and structures that name one more input. */
static void inner(void)
{
	char first[3] = "", second[5] = "";
	struct iovec parts[2] = { { first, 2 }, { second, 4 } };
	struct timespec soon = { .tv_sec = 10 };
	int fd = open(in_folder("A-file"), O_RDONLY);
	struct sigaction action = { .sa_handler = ignore };
	sigset_t none, one;

	say("readv", readv(fd, parts, 2) == 6 && !strcmp(first, "A-") && !strcmp(second, "file") ? "ok" : "LOST");
	say("bases", parts[0].iov_base == first && parts[1].iov_base == second ? "ok" : "CHANGED");
	sigemptyset(&none);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigaction(SIGUSR1, &action, NULL);
	sigprocmask(SIG_BLOCK, &one, NULL);
	raise(SIGUSR1);
	/* Its mask lets the signal in; were it not read, nothing would come in all the time. */
	say_failed("pselect", pselect(0, NULL, NULL, NULL, &soon, &none));
}

/* What is read and written at one place. */
static void unsealed(void)
{
	struct sockaddr_un name;
	socklen_t size = sizeof(name);
	int ends[2], file = open(in_folder("A-file"), O_RDONLY);
	off_t at = 2;

	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	say_failed("offset", sendfile(ends[0], file, &at, 2));
	say("no-offset", sendfile(ends[0], file, NULL, 2) == 2 ? "ok" : strerrorname_np(errno));
	say_failed("name", getsockname(ends[0], (struct sockaddr *)&name, &size));
	say_failed("ioctl", ioctl(ends[0], _IOWR('z', 1, int), &size));
	say("ioctl-out", ioctl(ends[1], FIONREAD, &size) == 0 ? "ok" : strerrorname_np(errno));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} all[] = { { "big", big }, { "absent", pages_absent }, { "stalled", stalled },
		    { "exec-by-thread", exec_by_thread }, { "exec-by-leader", exec_by_leader }, { "restart", restart },
		    { "messages", messages }, { "links", links }, { "beneath", beneath }, { "unchanged", unchanged },
		    { "inner", inner }, { "unsealed", unsealed } };
	size_t i;

	if (argc < 3)
		return 2;
	self = argv[0];
	folder = argv[2];
	if (!strcmp(argv[1], "open"))
		say_open("forbidden", "/tmp/forbidden");
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(all[i].name, argv[1]))
			all[i].run();
	return 0;
}
