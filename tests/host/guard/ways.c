/* SPDX-License-Identifier: Apache-2.0 */
/* Tries to call without the guard, or to get at who is not guarded: `ways NAME [PID]`. */
#include "arena.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define FORBIDDEN "/tmp/forbidden"
#define X32 0x40000000L

static char *self;

/* Below 4 GiB, where a pointer of the 32-bit entry can point. */
static char *low(const char *text)
{
	char *page = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	return page == MAP_FAILED ? NULL : strcpy(page, text);
}

static void say_raw(const char *what, long ret)
{
	errno = ret < 0 ? -ret : 0;
	say_failed(what, ret < 0 ? -1 : ret);
}

static void int80(void)
{
	long ret;

	asm volatile("int $0x80" : "=a"(ret) : "a"(5), "b"(low(FORBIDDEN)), "c"(0), "d"(0) : "memory");
	say_raw("int80", (int)ret);
}

static void x32(void)
{
	long ret;

	asm volatile("syscall" : "=a"(ret) : "a"(X32 | SYS_open), "D"(FORBIDDEN), "S"(0), "d"(0)
		     : "rcx", "r11", "memory");
	say_raw("x32", ret);
}

static int open_forbidden(void *nothing)
{
	say_open("child-forbidden", FORBIDDEN);
	say_open("child-allowed", "/dev/null");
	_exit(0);
}

static void wait_for(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, __WALL) != child)
		say("child", "none");
	else if (!WIFEXITED(status))
		say("child", "killed");
}

static void by_fork(void)
{
	pid_t child = fork();

	if (!child)
		open_forbidden(NULL);
	wait_for(child);
}

static void by_vfork(void)
{
	pid_t child = vfork();

	if (!child) {
		execl(self, self, "open", NULL);
		_exit(1);
	}
	wait_for(child);
}

static char stack[65536] __attribute__((aligned(16)));

static void by_clone(unsigned long flags)
{
	wait_for(clone(open_forbidden, stack + sizeof(stack), flags | SIGCHLD, NULL));
}

static void by_clone3(unsigned long flags)
{
	struct clone_args args = { .flags = flags, .exit_signal = SIGCHLD };
	register struct clone_args *first asm("rdi") = &args;
	struct clone_args *after;
	long child;

	asm volatile("syscall" : "=a"(child), "=D"(after) : "a"(SYS_clone3), "1"(first), "S"(sizeof(args))
		     : "rcx", "r11", "memory");
	if (child < 0) {
		errno = -child;
		say_failed("clone", -1);
		return;
	}
	say(child ? "parent-register" : "child-register", after == &args ? "ok" : "CHANGED");
	if (!child)
		open_forbidden(NULL);
	say("flags", args.flags == flags ? "ok" : "CHANGED");
	wait_for(child);
}

static void *in_thread(void *nothing)
{
	say_open("thread-forbidden", FORBIDDEN);
	return NULL;
}

static void by_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, in_thread, NULL);
	pthread_join(thread, NULL);
}

static void by_personality(void)
{
	personality(PER_LINUX32 | ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC);
	execl(self, self, "open", NULL);
}

static long add_filter(unsigned int flags, const struct sock_filter *code, size_t count)
{
	struct sock_fprog program = { count, (struct sock_filter *)code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* All that a filter of the program's own says of getpgid and openat. */
static long filter_with(unsigned int flags, unsigned int action)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return add_filter(flags, code, sizeof(code) / sizeof(code[0]));
}

static void own_filter(unsigned int action)
{
	if (filter_with(0, action) < 0)
		say_failed("filter", -1);
	say(getpgid(0) < 0 ? strerrorname_np(errno) : "getpgid", "");
	say_open("forbidden", FORBIDDEN);
}

static int tracer(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	int pid = 0;

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "TracerPid: %d", &pid);
	if (status)
		fclose(status);
	return pid;
}

/* Ways into a process that is not guarded. */
static void into(pid_t pid)
{
	struct iovec here = { "/x", 2 }, there = { (void *)self, 2 };
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR);
	say_failed("mem", fd);
	say_failed("writev", process_vm_writev(pid, &here, 1, &there, 1, 0));
	say_failed("readv", process_vm_readv(pid, &here, 1, &there, 1, 0));
	say_failed("ptrace", ptrace(PTRACE_SEIZE, pid, 0, 0));
	say_failed("getfd", syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, pid, 0), 0, 0));
	say_failed("kill", kill(pid, SIGCONT));
}

static volatile char selector = SYSCALL_DISPATCH_FILTER_ALLOW;
static volatile int dispatched;

static void at_dispatch(int number)
{
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	dispatched++;
}

/* Calls that the program has sent to itself, and then makes: these are guarded. */
static void dispatch(void)
{
	signal(SIGSYS, at_dispatch);
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector)) {
		say("dispatch", strerrorname_np(errno));
		return;
	}
	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	getpgid(0);
	say("dispatch", dispatched == 1 ? "ok" : "none");
	say_open("forbidden", FORBIDDEN);
}

static void io_uring(void)
{
	char params[120] = { 0 };

	say_failed("io_uring_setup", syscall(425, 4, params));
	say_failed("io_uring_enter", syscall(426, 0, 1, 0, 0, NULL, 0));
	say_failed("io_uring_register", syscall(427, 0, 0, NULL, 0));
	say_failed("io_setup", syscall(SYS_io_setup, 1, params));
}

static void run(const char *name, pid_t pid)
{
	if (!strcmp(name, "open"))
		say_open("forbidden", FORBIDDEN);
	else if (!strcmp(name, "int80"))
		int80();
	else if (!strcmp(name, "x32"))
		x32();
	else if (!strcmp(name, "fork"))
		by_fork();
	else if (!strcmp(name, "vfork"))
		by_vfork();
	else if (!strcmp(name, "clone-vm"))
		by_clone(CLONE_VM);
	else if (!strcmp(name, "clone-untraced"))
		by_clone(CLONE_UNTRACED);
	else if (!strcmp(name, "clone3"))
		by_clone3(0);
	else if (!strcmp(name, "clone3-untraced"))
		by_clone3(CLONE_UNTRACED);
	else if (!strcmp(name, "clone-files"))
		say_failed("clone", clone(open_forbidden, stack + sizeof(stack), CLONE_FILES | SIGCHLD, NULL));
	else if (!strcmp(name, "clone3-files"))
		by_clone3(CLONE_FILES);
	else if (!strcmp(name, "thread"))
		by_thread();
	else if (!strcmp(name, "personality"))
		by_personality();
	else if (!strcmp(name, "listener"))
		say_failed("listener", filter_with(SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_RET_USER_NOTIF));
	else if (!strcmp(name, "filter-allow"))
		own_filter(SECCOMP_RET_ALLOW);
	else if (!strcmp(name, "filter-trace"))
		own_filter(SECCOMP_RET_TRACE);
	else if (!strcmp(name, "filter-errno"))
		own_filter(SECCOMP_RET_ERRNO | ENOMEDIUM);
	else if (!strcmp(name, "filter-notify"))
		own_filter(SECCOMP_RET_USER_NOTIF);
	else if (!strcmp(name, "supervisor"))
		into(tracer());
	else if (!strcmp(name, "outside"))
		into(pid);
	else if (!strcmp(name, "io_uring"))
		io_uring();
	else if (!strcmp(name, "dispatch"))
		dispatch();
	else if (!strcmp(name, "dumpable"))
		say_failed("dumpable", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
	else if (!strcmp(name, "tracer"))
		printf("%d\n", tracer()), fflush(stdout), pause();
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc < 2)
		return 2;
	run(argv[1], argc > 2 ? atoi(argv[2]) : 0);
	return 0;
}
