/* SPDX-License-Identifier: Apache-2.0 */
/* Tries to write the guard's memory, or to be told of it, in all ways that there are. */
#include "tries.h"

#include <linux/futex.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

static long write_at(const char *path)
{
	int fd = open(path, O_RDWR);

	return fd < 0 ? -1 : pwrite(fd, "/x", 2, place.addr);
}

static long try_self_mem(void) { return write_at("/proc/self/mem"); }

static long try_thread_mem(void) { return write_at("/proc/thread-self/mem"); }

/* Its descriptor once more: only for programs with CAP_CHECKPOINT_RESTORE. */
static long try_map_files(void)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", place.addr, place.addr + place.size);
	fd = open(path, O_RDWR);
	if (fd < 0)
		return -1;
	if (pwrite(fd, "/x", 2, 0) >= 0 || !ftruncate(fd, 0) || !fallocate(fd, 3, 0, PAGE))
		return 0;
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0;
}

/* Both were forked from one program, and have the arena at the same address. */
static long try_other_mem(void)
{
	pid_t child = fork();
	char path[64];
	long ret;

	if (!child)
		for (;;)
			pause();
	snprintf(path, sizeof(path), "/proc/%d/mem", child);
	ret = write_at(path);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return ret;
}

static long writev_to(pid_t pid, uintptr_t addr)
{
	struct iovec here = { "/x", 2 }, there = { (void *)addr, 2 };

	return process_vm_writev(pid, &here, 1, &there, 1, 0);
}

static long try_vm_writev(void) { return writev_to(getpid(), place.addr); }

/* A child knows where its parent has it. */
static long try_vm_writev_child(void)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(writev_to(getppid(), place.addr) < 0 ? errno : 0);
	waitpid(child, &status, 0);
	errno = WEXITSTATUS(status);
	return errno ? -1 : 0;
}

static long try_futex_op(void)
{
	unsigned int word = 0;

	return syscall(SYS_futex, &word, FUTEX_WAKE_OP, 1, 1, place.addr,
		       FUTEX_OP(FUTEX_OP_SET, 0x2f2f, FUTEX_OP_CMP_EQ, 0));
}

/* Its pages are given away to a pipe, and written there. */
static long try_vmsplice(void)
{
	struct iovec pages = { (void *)place.addr, PAGE };
	int ends[2], twice[2], file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	char before[16], after[16];

	if (pipe(ends) || pipe(twice) || file < 0)
		return 0;
	memcpy(before, (void *)place.addr, sizeof(before));
	if (vmsplice(ends[1], &pages, 1, SPLICE_F_GIFT) != PAGE)
		return -1;
	tee(ends[0], twice[1], PAGE, 0);
	if (splice(ends[0], NULL, file, NULL, PAGE, SPLICE_F_MOVE | SPLICE_F_GIFT) != PAGE)
		return -1;
	pwrite(file, "/overwritten/by/x", 16, 0);
	memcpy(after, (void *)place.addr, sizeof(after));
	errno = EACCES;
	return memcmp(before, after, sizeof(before)) && !memcmp(after, "/overwritten", 12) ? 0 : -1;
}

static long try_read_into(void)
{
	int zero = open("/dev/zero", O_RDONLY);

	return read(zero, (void *)place.addr, 16);
}

static long try_traceme(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0); }

static long try_ptrace_sibling(void)
{
	pid_t child = fork();
	long ret;

	if (!child)
		for (;;)
			pause();
	ret = ptrace(PTRACE_SEIZE, child, 0, 0);
	if (ret < 0)
		ret = ptrace(PTRACE_ATTACH, child, 0, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return ret;
}

static int faults(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api)) {
		say("userfaultfd", "none");
		exit(3);
	}
	return fd;
}

static long try_uffd_arena(void)
{
	struct uffdio_register range = { .range = { place.addr, place.size },
					 .mode = UFFDIO_REGISTER_MODE_MISSING };

	return ioctl(faults(), UFFDIO_REGISTER, &range);
}

static long try_uffd_protect(void)
{
	struct uffdio_register range = { .range = { place.addr, place.size },
					 .mode = UFFDIO_REGISTER_MODE_WP };

	return ioctl(faults(), UFFDIO_REGISTER, &range);
}

static void *page_of_own(void)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

static long try_uffd_copy(void)
{
	struct uffdio_copy copy = { .dst = place.addr, .src = (uintptr_t)page_of_own(), .len = PAGE };

	return ioctl(faults(), UFFDIO_COPY, &copy);
}

/* commit adef440691ba ("userfaultfd: UFFDIO_MOVE uABI") (in v6.8) */
static long try_uffd_move(void)
{
	struct {
		uint64_t dst, src, len, mode;
		int64_t moved;
	} move = { place.addr, (uintptr_t)page_of_own(), PAGE, 0, 0 };

	return ioctl(faults(), _IOWR(UFFDIO, 0x05, move), &move);
}

static const struct try tries[] = {
	{ "self-mem", try_self_mem },
	{ "thread-mem", try_thread_mem },
	{ "map-files", try_map_files },
	{ "other-mem", try_other_mem },
	{ "vm_writev", try_vm_writev },
	{ "vm_writev-child", try_vm_writev_child },
	{ "read-into", try_read_into },
	{ "futex-op", try_futex_op },
	{ "vmsplice", try_vmsplice },
	{ "traceme", try_traceme },
	{ "ptrace-sibling", try_ptrace_sibling },
	{ "uffd-arena", try_uffd_arena },
	{ "uffd-protect", try_uffd_protect },
	{ "uffd-copy", try_uffd_copy },
	{ "uffd-move", try_uffd_move },
};

int main(void)
{
	return try_all(tries, sizeof(tries) / sizeof(tries[0]));
}
